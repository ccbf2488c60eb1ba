/**
 * A process of its own: `typeorm-save.ts ENGINE TRACKS` stores tracks as the typical app does, `save()` of an array with cascades,
 * and prints the seconds that it took. `DATABASE_URL` is an address or the path of a file, its tables are there.
 */
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { artistPlacesOf, recordingAt } from './catalogue';
import { ROOT } from './processes';

const AT_ONCE = 500;

const [engine = 'mysql', tracks = '0'] = process.argv.slice(2);
const address = process.env['DATABASE_URL'] ?? '';
// eslint-disable-next-line @typescript-eslint/no-require-imports -- compiled when the bench starts
const { Album, Artist, Track, TrackArtist } = require(
  join(ROOT, 'bench', 'peers', 'nest-express', 'dist', 'entities.js'),
) as Record<'Album' | 'Artist' | 'Track' | 'TrackArtist', new () => object>;

void main();

async function main(): Promise<void> {
  const options: DataSourceOptions =
    engine === 'mysql'
      ? { type: 'mysql', url: address, timezone: 'Z', entities: [Album, Artist, Track, TrackArtist] }
      : { type: 'better-sqlite3', database: address, enableWAL: true, entities: [Album, Artist, Track, TrackArtist] };
  const dataSource = await new DataSource(options).initialize();
  let passed = 0;
  for (let n = 0; n < Number(tracks); n += AT_ONCE) {
    const known = new Map<string, object>();
    const entities = Array.from({ length: Math.min(AT_ONCE, Number(tracks) - n) }, (_, at) => toEntity(n + at, known));
    const startedAt = performance.now();
    await dataSource.getRepository(Track).save(entities, { chunk: AT_ONCE });
    passed += performance.now() - startedAt;
  }
  await dataSource.destroy();
  console.log(JSON.stringify(passed / 1000));
} // prettier-ignore

/** An entity with its relations; an artist or album that came before in this batch is the same object. */
function toEntity(n: number, known: Map<string, object>): object {
  const { chosen, fetchedAt, source, match, candidates } = recordingAt(n);
  const { artistNumbers, albumNumber } = artistPlacesOf(n);
  const once = <T extends object>(key: string, make: () => T): T => {
    const made = (known.get(key) as T | undefined) ?? make();
    known.set(key, made);
    return made;
  };
  const { images, id: albumId, ...album } = chosen.album;
  const id = n + 1;
  return Object.assign(new Track(), {
    id,
    isrc: chosen.isrc,
    title: chosen.title,
    album: once(`album ${albumNumber}`, () =>
      Object.assign(new Album(), { ...album, id: albumNumber + 1, spotifyId: albumId, images }),
    ),
    credits: artistNumbers.map((number, position) =>
      Object.assign(new TrackArtist(), {
        trackId: id,
        position,
        artist: once(`artist ${number}`, () => {
          const { id: spotifyId = '', name = '', url = '' } = chosen.artists[position] ?? {};
          return Object.assign(new Artist(), { id: number + 1, spotifyId, name, url });
        }),
      }),
    ),
    durationMs: chosen.durationMs,
    explicit: chosen.explicit,
    popularity: chosen.popularity,
    discNumber: chosen.discNumber,
    trackNumber: chosen.trackNumber,
    previewUrl: chosen.previewUrl,
    availableMarkets: chosen.availableMarkets,
    sourceName: source,
    sourceId: chosen.id,
    sourceUrl: chosen.url,
    fetchedAt,
    matchRule: match.rule,
    matchCandidates: candidates.length,
    matchMarket: match.market,
    createdAt: fetchedAt,
    updatedAt: fetchedAt,
  });
}
