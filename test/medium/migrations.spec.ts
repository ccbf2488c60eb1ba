import type { DataSource } from 'typeorm';
import { parseDatabaseUrl } from '../../src/config/database-url';
import { createDataSource, toDataSourceOptions } from '../../src/database/data-source';
import { migrate, pendingMigrations } from '../../src/database/migrator';
import { findInconsistencies } from '../support/consistency';
import { openMigrated, rowsOf } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(30_000);

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

/** A data source that knows the first `count` migrations and no later one. */
async function openWith(count: number): Promise<DataSource> {
  const parsed = parseDatabaseUrl(database.url);
  if ('fault' in parsed) throw new Error(parsed.fault);
  const options = toDataSourceOptions(parsed.address);
  const migrations = (options.migrations as (new () => object)[]).slice(0, count);
  return createDataSource({ ...options, migrations: migrations as never }).initialize();
}

/** What TypeORM would change so that the tables fit the entities. */
async function drift(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

/** Rows as the first migration wants them; in SQL, since the entities follow later migrations. */
const ROWS = [
  `INSERT INTO album (id, title, type, release_date, release_date_precision, total_tracks, upc, label, url, images) VALUES ('al1', 'Ågætis 🎵', 'album', '1999', 'year', 10, NULL, NULL, 'https://a.example', '[]')`,
  `INSERT INTO track (isrc, title, title_norm, album_id, duration_ms, explicit, popularity, sort_rank, disc_number, track_number, preview_url, available_markets, source_name, source_id, source_url, fetched_at_ms, match_rule, match_candidates, match_market, created_at_ms, updated_at_ms) VALUES ('QZDWX2600001', 'Svefn', 'svefn', 'al1', 215000, TRUE, NULL, 101, 1, 3, NULL, NULL, 'spotify', 't1', 'https://t.example', 1763812345678, 'only-match', 1, NULL, -1, 4102444800001)`,
  `INSERT INTO artist (id, name, name_norm, url) VALUES ('ar1', 'Sigur Rós', 'sigur ros', 'https://r.example')`,
  `INSERT INTO track_artist (isrc, position, artist_id, sort_rank) VALUES ('QZDWX2600001', 0, 'ar1', 101)`,
  `INSERT INTO candidate (isrc, position, source_id, is_chosen, details) VALUES ('QZDWX2600001', 0, 't1', TRUE, '{"id":"t1"}')`,
  `INSERT INTO artist_gram (gram, artist_id) VALUES ('sig', 'ar1')`,
  `INSERT INTO track_gram (gram, isrc) VALUES ('sve', 'QZDWX2600001')`,
  `INSERT INTO recording_miss (isrc, expires_at_ms) VALUES ('QZDWX2600002', 4102444800001)`,
  `INSERT INTO api_token (id, name, token_hash, hint, scopes, created_at_ms, expires_at_ms, last_used_at_ms, revoked_at_ms) VALUES ('tok_1', 'n', 'h', 'dwx_', '["tracks:read"]', 1, NULL, NULL, NULL)`,
];
const KEPT = [
  ['SELECT title AS v FROM album', 'Ågætis 🎵'],
  ['SELECT isrc AS v FROM track', 'QZDWX2600001'],
  ['SELECT fetched_at_ms AS v FROM track', '1763812345678'],
  ['SELECT created_at_ms AS v FROM track', '-1'],
  ['SELECT name AS v FROM artist', 'Sigur Rós'],
  ['SELECT artist_id AS v FROM track_artist', 'ar1'],
  ['SELECT details AS v FROM candidate', '{"id":"t1"}'],
  ['SELECT isrc AS v FROM recording_miss', 'QZDWX2600002'],
  ['SELECT scopes AS v FROM api_token', '["tracks:read"]'],
] as const;

it('makes of an empty database what the entities describe, once', async () => {
  const dataSource = await openWith(Infinity);
  const names = await pendingMigrations(dataSource);
  expect(names).toHaveLength(dataSource.migrations.length);
  expect(await migrate(dataSource)).toEqual(names);
  expect(await drift(dataSource)).toEqual([]);
  expect(await migrate(dataSource)).toEqual([]);
  await dataSource.destroy();
});

it('carries the rows of a filled database along, step by step, and can be undone', async () => {
  let dataSource = await openWith(1);
  await migrate(dataSource);
  for (const row of ROWS) await dataSource.query(row);
  await dataSource.destroy();
  const all = (await openWith(Infinity).then(async (each) => (await each.destroy(), each.migrations))).length;

  for (let count = 2; count <= all + 1; count++) {
    dataSource = await openWith(count);
    expect(await migrate(dataSource)).toHaveLength(count <= all ? 1 : 0);
    for (const [question, answer] of KEPT) {
      const rows = await rowsOf<{ v: unknown }>(dataSource, question);
      expect(rows.map(({ v }) => String(v))).toEqual([answer]);
    }
    if (count > all) {
      expect(await drift(dataSource)).toEqual([]);
      for (let step = 0; step < all; step++) await dataSource.undoLastMigration();
      expect(await ourTables(dataSource)).toEqual([]);
    }
    await dataSource.destroy();
  }
});

describe('the name index', () => {
  /** Tracks and artists as a version before it wrote them, in SQL: more than one part of the work. */
  async function fill(dataSource: DataSource): Promise<void> {
    for (const row of ROWS) await dataSource.query(row);
    for (let at = 0; at < 600; at += 100) {
      const numbers = Array.from({ length: 100 }, (_, n) => at + n);
      const rowsOf = (row: (n: number) => string) => numbers.map(row).join(', ');
      await dataSource.query(
        `INSERT INTO artist (id, name, name_norm, url) VALUES ${rowsOf((n) => `('f${n}', 'Name ${n % 250}', 'name ${n % 250}', 'https://r.example')`)}`,
      );
      await dataSource.query(
        `INSERT INTO track_artist (isrc, position, artist_id, sort_rank) VALUES ${rowsOf((n) => `('QZDWX27${String(n).padStart(5, '0')}', 0, 'f${n}', ${n % 102})`)}`,
      );
      await dataSource.query(
        `INSERT INTO track (isrc, title, title_norm, album_id, duration_ms, explicit, popularity, sort_rank, disc_number, track_number, preview_url, available_markets, source_name, source_id, source_url, fetched_at_ms, match_rule, match_candidates, match_market, created_at_ms, updated_at_ms) VALUES ${rowsOf((n) => `('QZDWX27${String(n).padStart(5, '0')}', 'AC/DC 宇多田 ${n}', 'ac/dc 宇多田 ${n}', 'al1', 1, FALSE, NULL, ${n % 102}, 1, 1, NULL, NULL, 'spotify', 't${n}', 'https://t.example', 1, 'only-match', 0, NULL, 1, 1)`)}`,
      );
    }
  }

  /** What is wrong with the index; the rows above have other faults, which are meant. */
  const faultsOf = async (dataSource: DataSource) =>
    (await findInconsistencies(dataSource)).filter((fault) =>
      /track_word|artist_name_gram|word_ending/.test(fault),
    );

  const placeOf = async (name: string) => {
    const all = await openWith(Infinity);
    await all.destroy();
    return all.migrations.findIndex(({ constructor }) => constructor.name === name);
  };

  it.each([
    ['NameIndex1795420000000', 'track_word', 3],
    ['WordEnding1795500000000', 'word_ending', 2],
  ])(
    'is made from the rows that are there, also where %s was interrupted before',
    async (name, table, writes) => {
      let dataSource = await openWith(await placeOf('NameIndex1795420000000'));
      await migrate(dataSource);
      await fill(dataSource);
      await dataSource.destroy();
      dataSource = await openWith(await placeOf(name));
      await migrate(dataSource);
      await dataSource.destroy();

      dataSource = await openWith((await placeOf(name)) + 1);
      await expect(interrupted(dataSource, table, writes, () => migrate(dataSource))).rejects.toThrow(
        'interrupted',
      );
      expect(await faultsOf(dataSource).catch(() => ['no table'])).not.toEqual([]);
      await dataSource.destroy();

      dataSource = await openWith(Infinity);
      await migrate(dataSource);
      expect(await faultsOf(dataSource)).toEqual([]);
      expect(await dataSource.manager.countBy('TrackWord', { word: 't宇多田' })).toBe(600);
      await dataSource.destroy();
    },
  );

  it('gives way to the former tables of grams when it is undone', async () => {
    const dataSource = await openWith(Infinity);
    await migrate(dataSource);
    await fill(dataSource).catch(() => undefined); // rows of tables that are not there any more
    await dataSource.query("INSERT INTO track_word (word, place) VALUES ('tac/dc', '101QZDWX2600001')");
    while (!(await ourTables(dataSource)).includes('track_word_gram')) await dataSource.undoLastMigration();
    expect(await dataSource.query("SELECT word FROM track_word_gram WHERE gram = 't^dc'")).toEqual([
      { word: 'tac/dc' },
    ]);
    while ((await ourTables(dataSource)).includes('track_word')) await dataSource.undoLastMigration();
    const grams = await rowsOf<{ gram: string }>(
      dataSource,
      "SELECT gram FROM artist_gram WHERE artist_id = 'ar1' ORDER BY gram",
    );
    expect(grams.map(({ gram }) => gram)).toEqual(['^r', '^ro', '^s', '^si', 'gur', 'igu', 'ros', 'sig']);
    await dataSource.destroy();
  });
});

/** Runs something on a database that fails at the n-th statement that writes rows of a table. */
async function interrupted<T>(
  dataSource: DataSource,
  table: string,
  writes: number,
  work: () => Promise<T>,
): Promise<T> {
  const create = dataSource.createQueryRunner.bind(dataSource);
  let left = writes;
  const spy = jest.spyOn(dataSource, 'createQueryRunner').mockImplementation((...args) => {
    const runner = create(...args);
    const query = runner.query.bind(runner) as (...all: unknown[]) => Promise<unknown>;
    runner.query = (async (...all: unknown[]) => {
      if (String(all[0]).startsWith(`INSERT INTO ${table}`) && --left < 0) throw new Error('interrupted');
      return query(...all);
    }) as never;
    return runner;
  });
  try {
    return await work();
  } finally {
    spy.mockRestore();
  }
}

describe('the schema', () => {
  let dataSource: DataSource;
  beforeEach(async () => {
    dataSource = await openMigrated(database.url);
  });
  afterEach(() => dataSource.destroy());

  it('has a primary key on every table, and neither counters, foreign keys nor triggers', async () => {
    const tables = await ourTables(dataSource);
    expect(tables).toEqual(dataSource.entityMetadatas.map(({ tableName }) => tableName).sort());
    const runner = dataSource.createQueryRunner();
    const described = await runner.getTables(tables);
    await runner.release();
    expect(described).toHaveLength(tables.length);
    for (const { name, primaryColumns, columns, foreignKeys } of described) {
      expect([name, primaryColumns.length > 0]).toEqual([name, true]);
      expect(columns.filter(({ isGenerated }) => isGenerated)).toEqual([]);
      expect(foreignKeys).toEqual([]);
    }
    const triggers = {
      sqlite: `SELECT name FROM sqlite_master WHERE type = 'trigger' OR sql LIKE '%AUTOINCREMENT%' AND name <> 'migrations'`,
      mariadb: `SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_schema = DATABASE()`,
      postgres: `SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal`,
    };
    expect(await rowsOf(dataSource, triggers[database.engine])).toEqual([]);
  });

  it('compares every text by code point, blanks at the end included', async () => {
    const unlike = {
      sqlite: `SELECT name FROM sqlite_master WHERE sql LIKE '%COLLATE %' AND name <> 'migrations'`,
      mariadb: `SELECT CONCAT(table_name, '.', column_name, ' ', collation_name) AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND collation_name NOT IN ('utf8mb4_nopad_bin') AND table_name NOT IN ('migrations', 'schema_lock')`,
      postgres: `SELECT table_name || '.' || column_name || ' ' || coalesce(collation_name, 'default') AS name FROM information_schema.columns WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'character') AND coalesce(collation_name, '') <> 'C' AND table_name NOT IN ('migrations', 'schema_lock')`,
    };
    expect(await rowsOf(dataSource, unlike[database.engine])).toEqual([]);

    const ids = [
      'a',
      'A',
      'é',
      'e',
      'e\u0301',
      'ß',
      'ss',
      'a ',
      'a\t',
      ' a',
      '🎵',
      '🎶',
      'ｶ',
      'カ',
      '\uffff',
      'z',
    ];
    for (const id of ids)
      await dataSource.manager.insert('artist', { id, name: id, nameNorm: id, url: 'https://r.example' });
    const rows = await dataSource
      .createQueryBuilder()
      .select('artist.id', 'id')
      .from('artist', 'artist')
      .orderBy('artist.name_norm')
      .getRawMany<{ id: string }>();
    const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    expect(rows.map(({ id }) => id)).toEqual([...ids].sort(byCodePoint));
    for (const id of ids) expect(await dataSource.manager.countBy('artist', { nameNorm: id })).toBe(1);
  });
});

/** Tables apart from the migrator's own. */
async function ourTables(dataSource: DataSource): Promise<string[]> {
  const list = {
    sqlite: `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
    mariadb: `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()`,
    postgres: `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  };
  const rows = await rowsOf<{ name: string }>(dataSource, list[database.engine]);
  return rows
    .map(({ name }) => name)
    .filter((name) => name !== 'migrations' && name !== 'schema_lock')
    .sort();
}
