import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleepFor } from 'node:timers/promises';
import { Global, type LoggerService, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { createDataSource, toDataSourceOptions } from '../../src/database/data-source';
import { migrate } from '../../src/database/migrator';
import {
  SPOTIFY_CLOCK,
  SPOTIFY_RANDOM,
  SPOTIFY_SETTINGS,
  SPOTIFY_SLEEP,
  SPOTIFY_TICKS,
  type SpotifySettings,
  type SpotifySleep,
} from '../../src/spotify/spotify-settings';
import { SpotifySource } from '../../src/spotify/spotify-source';
import { SpotifyModule } from '../../src/spotify/spotify.module';

/** For calls that somebody waits for. */
export const INTERACTIVE = { lane: 'interactive' } as const;

/** A clock, and what passes its time. */
export interface TestClock {
  ms: number;
  /** How far the wall clock was set ahead of the clock that cannot be set. */
  wallAheadMs: number;
  readonly sleep: SpotifySleep;
}

/** Stands still until it is moved; who sleeps moves it. */
function standingClock(): TestClock {
  const clock: TestClock = {
    ms: Date.parse('2026-11-22T12:00:00Z'),
    wallAheadMs: 0,
    sleep: async (ms, signal) => {
      const wakeMs = clock.ms + ms;
      await nextTurn();
      signal?.throwIfAborted();
      clock.ms = Math.max(clock.ms, wakeMs);
    },
  };
  return clock;
}

/** For calls that meet each other. */
export function realClock(): TestClock {
  return {
    get ms() {
      return Date.now();
    },
    wallAheadMs: 0,
    sleep: async (ms, signal) => {
      await sleepFor(ms, undefined, signal === undefined ? {} : { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
    },
  };
}

/** One process's Spotify module on the shared database. */
export interface SourceProcess {
  readonly source: SpotifySource;
  /** Its connection: a test may take the database away. */
  readonly dataSource: DataSource;
  /** As handed to the module; changes count. */
  readonly settings: { -readonly [Name in keyof SpotifySettings]: SpotifySettings[Name] };
  stop(): Promise<void>;
}

/** Where processes of a test meet: a clock and an SQLite file. */
export interface SourceWorld {
  readonly clock: TestClock;
  /** What they logged: `warn Spotify asked …`. Of all, for Nest has one logger in a process of Node. */
  readonly lines: readonly string[];
  /** Starts a process; without limits of its own unless told otherwise. */
  start(
    settings: Partial<SpotifySettings> &
      Pick<SpotifySettings, 'clientId' | 'clientSecret' | 'apiUrl' | 'accountsUrl'>,
  ): Promise<SourceProcess>;
  /** Stops every process and removes the file. */
  end(): Promise<void>;
}

/** Makes a place for Spotify modules to run in. */
export async function sourceWorld(clock: TestClock = standingClock()): Promise<SourceWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'deadwax-source-'));
  const processes = new Set<SourceProcess>();
  const lines: string[] = [];
  return {
    clock,
    lines,
    async start(given) {
      const { clientId, clientSecret, apiUrl, accountsUrl, ...rest } = given;
      const settings = {
        ...{ clientId, clientSecret, apiUrl, accountsUrl },
        ...{ markets: [], maxPages: 10, timeoutMs: 10_000, requestsPer30s: 0, requestsPerDay: 0 },
        ...rest,
      };
      const started = await startProcess(join(folder, 'deadwax.db'), { clock, lines }, settings);
      processes.add(started);
      return started;
    },
    async end() {
      await Promise.all([...processes].map((each) => each.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startProcess(
  path: string,
  { clock, lines }: { clock: TestClock; lines: string[] },
  settings: SpotifySettings,
): Promise<SourceProcess> {
  const dataSource = createDataSource(toDataSourceOptions({ engine: 'sqlite', path }));
  await dataSource.initialize();
  await migrate(dataSource);
  const app = await Test.createTestingModule({ imports: [databaseModule(dataSource), SpotifyModule] })
    .overrideProvider(SPOTIFY_SETTINGS)
    .useValue(settings)
    .overrideProvider(SPOTIFY_CLOCK)
    .useValue(() => clock.ms + clock.wallAheadMs)
    .overrideProvider(SPOTIFY_TICKS)
    .useValue(() => clock.ms)
    .overrideProvider(SPOTIFY_SLEEP)
    .useValue(clock.sleep)
    .overrideProvider(SPOTIFY_RANDOM)
    .useValue(() => 0.5)
    .compile();
  app.useLogger(collector(lines));
  let isStopped = false;
  return {
    source: app.get(SpotifySource),
    dataSource,
    settings,
    async stop() {
      if (isStopped) return;
      isStopped = true;
      await app.close();
      if (dataSource.isInitialized) await dataSource.destroy();
    },
  };
}

function databaseModule(dataSource: DataSource): new () => object {
  const provider = { provide: getDataSourceToken(), useValue: dataSource };
  @Global()
  @Module({ providers: [provider], exports: [provider] })
  class TestDatabaseModule {}
  return TestDatabaseModule;
}

function collector(lines: string[]): LoggerService {
  const keep = (level: string) => (message: unknown) => lines.push(`${level} ${String(message)}`);
  return { log: keep('log'), warn: keep('warn'), error: keep('error') };
}
