import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ApiTokenCache } from '../../src/auth/api-token-cache';
import { ApiTokenUse } from '../../src/auth/api-token-use';
import { ApiTokensRepository } from '../../src/auth/api-tokens.repository';
import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { AuditLog } from '../../src/auth/audit-log';
import { parseSettings, type Settings, SettingsError } from '../../src/config/settings';
import { createDataSource, toDataSourceOptions } from '../../src/database/data-source';
import { migrate } from '../../src/database/migrator';
import { createTestDatabase, type TestDatabase } from '../support/database';

Logger.overrideLogger(false);

const GIVEN = 'text-of-an-admin-token-made-elsewhere';

describe('the first token', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let queries: jest.SpyInstance;

  beforeEach(async () => {
    database = await createTestDatabase();
    dataSource = await createDataSource(toDataSourceOptions(settingsWith({}).database)).initialize();
    await migrate(dataSource);
    queries = jest.spyOn(ApiTokensRepository.prototype, 'findById');
  });
  afterEach(async () => {
    queries.mockRestore();
    await dataSource.destroy();
    await database.drop();
  });

  const settingsWith = (environment: Record<string, string>): Settings =>
    parseSettings({ DATABASE_URL: database.url, ...environment });
  /** The service of one process. */
  const service = (environment: Record<string, string> = {}) => {
    const rows = new ApiTokensRepository(dataSource);
    const [cache, use] = [new ApiTokenCache(rows), new ApiTokenUse(rows)];
    return new ApiTokensService(rows, cache, use, new AuditLog(), settingsWith(environment));
  };

  it('is taken from the environment, and accepted by every replica from the first call on', async () => {
    expect(await service({ AUTH_BOOTSTRAP_TOKEN: GIVEN }).ensureFirstToken()).toBeNull();
    const replica = service();
    const callers = await Promise.all(
      Array.from({ length: 20 }, () => replica.authenticate(GIVEN, new Date())),
    );
    expect(callers.map((caller) => caller?.subject)).toEqual(Array.from({ length: 20 }, () => 'bootstrap'));
    expect(queries).toHaveBeenCalledTimes(1);
  });

  it('is made by one of several processes that start together', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => service().ensureFirstToken()));
    const [text, ...others] = made.filter((each) => each !== null);
    expect(others).toEqual([]);
    expect(text).toMatch(/^dwx_/);
    expect(await service().authenticate(text ?? '', new Date())).toMatchObject({ subject: 'bootstrap' });
  });

  it('is not made in production', async () => {
    const inProduction = service({
      NODE_ENV: 'production',
      SPOTIFY_CLIENT_ID: 'id',
      SPOTIFY_CLIENT_SECRET: 'secret',
    });
    expect(await inProduction.ensureFirstToken()).toBeNull();
    expect((await inProduction.list({ limit: 10, cursor: undefined })).items).toEqual([]);
  });

  it('is not taken once there is another', async () => {
    await service().create('another', ['ops:read'], null);
    const late = service({ AUTH_BOOTSTRAP_TOKEN: GIVEN });
    expect(await late.ensureFirstToken()).toBeNull();
    expect(await late.authenticate(GIVEN, new Date())).toBeNull();
  });

  it('is refused at start where it could never be accepted', async () => {
    const mistyped = service({ AUTH_BOOTSTRAP_TOKEN: `dwx_${'A'.repeat(38)}` });
    await expect(mistyped.ensureFirstToken()).rejects.toThrow(SettingsError);
  });

  it('costs fakes at most one query in five seconds, and fakes of our own form none', async () => {
    const target = service();
    await target.ensureFirstToken();
    const now = Date.now();
    for (let at = 0; at < 50; at++)
      expect(await target.authenticate(`fake-${at}`.padEnd(32, 'x'), new Date(now + at))).toBeNull();
    expect(queries).toHaveBeenCalledTimes(1);
    for (const text of ['fake', 'x'.repeat(31), 'x'.repeat(201)]) {
      expect(await target.authenticate(text, new Date(now + 60_000))).toBeNull(); // no text that could have been given
    }
    expect(queries).toHaveBeenCalledTimes(1);
    const byHash = jest.spyOn(ApiTokensRepository.prototype, 'findByHash');
    expect(await target.authenticate(`dwx_${'B'.repeat(38)}`, new Date(now + 60_000))).toBeNull();
    expect(byHash).not.toHaveBeenCalled();
    expect(queries).toHaveBeenCalledTimes(1);
    byHash.mockRestore();
  });
});
