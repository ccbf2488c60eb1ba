import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { findArtists } from '../../src/tracks/find-artists.query';
import { findPlaces } from '../../src/tracks/find-tracks.query';
import { parseNameQuery } from '../../src/tracks/name-search';
import { openMigrated } from '../../test/support/data-source';
import * as mariadb from '../lib/mariadb';
import type { Context, Measure, Table } from '../lib/report';
import { figure, median, percentile } from '../lib/statistics';
import { loadIntoMariadb, loadIntoSqlite, writeSearchFiles } from './seed';
import { shapesOf } from './shapes';

/** A million artists have five million tracks: as in the catalogue that all measures share. */
const TRACKS_AN_ARTIST = 5;
const SIZES = [10_000, 100_000, 1_000_000];
const QUICK_SIZES = [1_000, 10_000];
/** A page of 50, and one more to see whether there is another. */
const COUNT = 51;
const CALLS = 200;
/** A scan takes a fifth of a second at the large size. */
const SCANS = 10;
const FAR_PAGE = 1_000;
const ENGINES = ['MariaDB', 'SQLite'] as const;

type Query = () => Promise<unknown>;
interface Contender {
  readonly title: string;
  readonly calls: number;
  readonly next: () => Query;
}

/** Search by name: what it costs by kind of query, as the catalogue grows, and down the list; beside a scan and OFFSET. */
export const search: Measure = {
  name: 'search',
  title: 'Search by name',
  async run(context) {
    const sizes = context.isQuick ? QUICK_SIZES : SIZES;
    const times = new Map<string, Map<number, number[]>>();
    const bytes: string[][] = [];
    for (const artists of sizes) {
      const folder = join(context.folder, `search-${artists}`);
      mkdirSync(folder, { mode: 0o755 });
      context.say(`writing rows of ${artists} artists …`);
      await writeSearchFiles(folder, artists * TRACKS_AN_ARTIST);
      const databases = await openDatabases(context, folder, artists);
      for (const [engine, dataSource] of databases) {
        const contenders = await contendersOf(dataSource, artists);
        // In turn, so that whatever else the machine does meets all of them.
        for (let round = 0; round < context.rounds; round += 1) {
          for (const contender of contenders) {
            const key = `${engine} | ${contender.title}`;
            const bySize = times.get(key) ?? new Map<number, number[]>();
            times.set(key, bySize);
            bySize.set(artists, [...(bySize.get(artists) ?? []), ...(await timesOf(contender))]);
          }
          context.say(`  ${engine}, ${artists} artists: round ${round + 1}/${context.rounds}`);
        }
        if (engine === 'MariaDB') bytes.push(...(await sizesOf(dataSource, artists)));
        await dataSource.destroy();
      }
      rmSync(folder, { recursive: true });
    }
    return {
      tables: [
        ...ENGINES.map((engine) => tableOf(engine, sizes, times)),
        { title: 'Size of the index on MariaDB', columns: ['table', 'artists', 'MB'], rows: bytes },
      ],
      plots: [],
      remarks: [
        `Milliseconds, p50 / p99, one caller at a time, pages of 50, the rows of the page not read; five tracks an artist.`,
        'The scan is LIKE over the normalised names; OFFSET counts through the list in order.',
      ],
    };
  },
};

async function openDatabases(
  { world, folder: runFolder }: Context,
  folder: string,
  artists: number,
): Promise<[(typeof ENGINES)[number], DataSource][]> {
  const server = await world.mariadb();
  const url = (await mariadb.makeDatabase(server, `search${artists}`)).replace(/^mysql:/, 'mariadb:');
  const onMariadb = await openMigrated(url);
  await loadIntoMariadb(url, folder);
  const path = join(runFolder, `search-${artists}.db`);
  await (await openMigrated(`sqlite:${path}`)).destroy();
  await loadIntoSqlite(path, folder);
  return [
    ['MariaDB', onMariadb],
    ['SQLite', await openMigrated(`sqlite:${path}`)],
  ];
}

async function contendersOf({ manager }: DataSource, artists: number): Promise<Contender[]> {
  const { ofArtists, ofTitles } = shapesOf(artists, artists * TRACKS_AN_ARTIST);
  const none = { artist: null, title: null, isrcPrefix: null };
  const contenders: Contender[] = [];
  const add = (
    title: string,
    shapes: Readonly<Record<string, () => string>>,
    work: (query: string) => Promise<unknown>,
  ) => {
    for (const [shape, make] of Object.entries(shapes)) {
      const next = (): Query => {
        const query = make();
        return () => work(query);
      };
      contenders.push({ title: `${title}: ${shape}`, calls: CALLS, next });
    }
  };
  add('artists', ofArtists, (query) => findArtists(manager, parseNameQuery(query), null, COUNT));
  add('tracks by artist', ofArtists, (query) =>
    findPlaces(manager, { ...none, artist: parseNameQuery(query) }, '', COUNT),
  );
  add('tracks by title', ofTitles, (query) =>
    findPlaces(manager, { ...none, title: parseNameQuery(query) }, '', COUNT),
  );
  const filter = { ...none, artist: parseNameQuery('the') };
  const [far, page] = await placeOfPage(manager, filter);
  contenders.push(
    { title: 'tracks by artist `the`: page 1', calls: CALLS, next: () => () => findPlaces(manager, filter, '', COUNT) },
    { title: `tracks by artist \`the\`: page ${page}`, calls: CALLS, next: () => () => findPlaces(manager, filter, far, COUNT) },
    { title: 'peer: artists, LIKE (scan)', calls: SCANS, next: () => {
        const part = ofArtists['inside a word, 4-5']?.() ?? '';
        return () => manager.query(`SELECT id FROM artist WHERE name_norm LIKE '%${part.replace(/['\\%_]/g, '')}%' ORDER BY name_norm, id LIMIT ${COUNT}`);
      } },
    { title: `peer: tracks, OFFSET to page ${page}`, calls: SCANS, next: () => () =>
        manager.query(`SELECT isrc FROM track ORDER BY sort_rank, isrc LIMIT ${COUNT} OFFSET ${50 * (page - 1)}`) },
  ); // prettier-ignore
  return contenders;
}

/** Where page 1,000 begins, or the last one that there is. */
async function placeOfPage(
  manager: DataSource['manager'],
  filter: Parameters<typeof findPlaces>[1],
): Promise<[string, number]> {
  const places: string[] = [];
  while (places.length < 50 * (FAR_PAGE - 1)) {
    const more = await findPlaces(manager, filter, places.at(-1) ?? '', 1_000);
    places.push(...more);
    if (more.length < 1_000) break;
  }
  const page = Math.min(FAR_PAGE, Math.floor(places.length / 50));
  return [places[50 * (page - 1) - 1] ?? '', page];
}

async function timesOf({ calls, next }: Contender): Promise<number[]> {
  const times: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    const query = next();
    const startedAt = performance.now();
    await query();
    times.push(performance.now() - startedAt);
  }
  return times;
}

function tableOf(
  engine: string,
  sizes: readonly number[],
  times: ReadonlyMap<string, ReadonlyMap<number, number[]>>,
): Table {
  const cell = (all: number[] | undefined) =>
    all === undefined ? '–' : `${figure(median(all))} / ${figure(percentile(all, 99))}`;
  return {
    title: engine,
    columns: ['query', ...sizes.map((artists) => `${artists.toLocaleString('en-US')} artists`)],
    rows: [...times]
      .filter(([key]) => key.startsWith(`${engine} | `))
      .map(([key, bySize]) => [key.slice(engine.length + 3), ...sizes.map((size) => cell(bySize.get(size)))]),
  };
}

async function sizesOf(dataSource: DataSource, artists: number): Promise<string[][]> {
  const rows = await dataSource.query<{ name: string; mb: number | string }[]>(
    `SELECT table_name AS name, ROUND((data_length + index_length) / 1e6) AS mb FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ('artist_name_gram', 'track_word', 'word_ending') ORDER BY table_name`,
  );
  return rows.map(({ name, mb }) => [name, artists.toLocaleString('en-US'), String(mb)]);
}
