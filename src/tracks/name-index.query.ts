import { type EntityManager, In } from 'typeorm';
import { Artist } from './entities/artist.entity';
import { ArtistNameGram } from './entities/name-gram.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { TrackWord } from './entities/track-word.entity';
import { Track } from './entities/track.entity';
import { gramsOf } from './name-search';
import { insertRows, lockClause, placesOf, selectRows } from './rows.query';
import { ALL_TRACKS, fromListRow, placeOf, toWordRows, type TrackEntry, wordOfKey } from './track-entry';
import { learnWords } from './word-dictionary.query';

/** Conditions joined by OR in one statement: SQLite takes 1,000 levels. */
const CONDITIONS_A_STATEMENT = 100;
/** Tracks of a renamed artist that are seen to at a time. */
const TRACKS_AT_ONCE = 500;

/** A track as it stood before: enough to find what the index has of it. */
export type FormerEntry = Pick<TrackEntry, 'isrc' | 'sortRank'>;

/**
 * Makes tracks be found by titles and artists' names as `entries` have them, and no longer as before: `former` are the stored
 * ones among them, and those that go. The caller holds the tracks and all their artists, former ones included.
 */
export async function indexTracks(
  manager: EntityManager,
  entries: readonly TrackEntry[],
  former: readonly FormerEntry[],
): Promise<void> {
  const places = former.map(placeOf);
  await replaceRows(manager, await findListRows(manager, places, false), entries);
}

/** The same for the other tracks of artists whose names have changed. The caller holds the artists. */
export async function indexRenamed(
  manager: EntityManager,
  artistIds: readonly string[],
  done: ReadonlySet<string>,
): Promise<void> {
  if (artistIds.length === 0) return;
  const credits = await selectRows(manager, TrackArtist, 'artistId', artistIds, {
    properties: ['isrc', 'sortRank'],
  });
  const places = [...new Set(credits.filter(({ isrc }) => !done.has(isrc)).map(placeOf))].sort();
  for (let at = 0; at < places.length; at += TRACKS_AT_ONCE) {
    // Held: whoever renames another of their artists at the same moment waits here, and then reads both names.
    const rows = await findListRows(manager, places.slice(at, at + TRACKS_AT_ONCE), true);
    await replaceRows(manager, rows, await readEntries(manager, rows.map(isrcOf)));
  }
}

/** Makes artists be found by `names`, which are normalised. */
export async function indexArtistNames(manager: EntityManager, names: readonly string[]): Promise<void> {
  const held = await holdNames(manager, names);
  const missing = [...new Set(names)].filter((name) => !held.has(name));
  const rows = missing.flatMap((name) => gramsOf(name).map((gram) => ({ gram, name })));
  // Written even where another one was first: so they are held against one who removes the last artist of that name.
  await insertRows(manager, ArtistNameGram, rows.sort(byKey('gram', 'name')), ['name']);
}

/**
 * Those of `names` that are in the index, on a server; held against one who removes the last artist of that name, together with others who
 * give artists these names. The rows of a name come and go together: who holds one of them holds all.
 */
async function holdNames(manager: EntityManager, names: readonly string[]): Promise<Set<string>> {
  const firsts = [...new Set(names)].flatMap((name) =>
    gramsOf(name)
      .slice(0, 1)
      .map((gram) => ({ equal: ['gram', gram] as const, among: ['name', [name]] as const })),
  );
  const lock = lockClause(manager, 'shared');
  const held = new Set<string>();
  if (lock === '') return held; // SQLite has one writer, and looking takes as long as writing once more
  for (const [where, values] of wheresOf(manager, firsts)) {
    const rows = await manager.query<{ name: string }[]>(
      `SELECT name FROM artist_name_gram WHERE ${where}${lock}`,
      values,
    );
    for (const { name } of rows) held.add(name);
  }
  return held;
}

/**
 * Forgets names that artists no longer have, unless other artists have them. Removed first, and put back if need be: whoever
 * gives an artist such a name, or takes it away, at the same moment waits until this transaction ends.
 */
export async function dropArtistNames(manager: EntityManager, names: readonly string[]): Promise<void> {
  const dropped = [...new Set(names)].sort();
  if (dropped.length === 0) return;
  const conditions = dropped.map((name) => ({
    equal: ['name', name] as const,
    among: ['gram', gramsOf(name)] as const,
  }));
  // Held by a statement of its own: the one that follows then sees what others did while this one waited.
  const lock = lockClause(manager, 'alone');
  if (lock !== '') await runWhere(manager, 'SELECT name FROM artist_name_gram WHERE ', conditions, lock);
  await runWhere(manager, 'DELETE FROM artist_name_gram WHERE ', conditions);
  const left = await selectRows(manager, Artist, 'nameNorm', dropped, { properties: ['nameNorm'] });
  await indexArtistNames(
    manager,
    left.map(({ nameNorm }) => nameNorm),
  );
}

async function replaceRows(
  manager: EntityManager,
  listRows: readonly TrackWord[],
  entries: readonly TrackEntry[],
): Promise<void> {
  const after = entries.flatMap(toWordRows);
  const written = listRows.length === 0 ? after : await removeOld(manager, listRows, after);
  const words = written.map(({ word }) => word).filter((word) => word !== ALL_TRACKS);
  await learnWords(manager, new Set(words.map(wordOfKey)));
  await insertRows(manager, TrackWord, written.sort(byKey('word', 'place')), ['title', 'artists']);
}

/** Removes rows that are not due any more, and tells which are to be written. */
async function removeOld(
  manager: EntityManager,
  listRows: readonly TrackWord[],
  after: readonly TrackWord[],
): Promise<TrackWord[]> {
  const before = new Map(listRows.flatMap(fromListRow).map((row) => [keyOf(row), row]));
  const kept = new Set(after.map(keyOf));
  const gone = [...before.values()].filter((row) => !kept.has(keyOf(row)));
  const wordsAt = new Map<string, string[]>();
  for (const { place, word } of gone) wordsAt.set(place, [...(wordsAt.get(place) ?? []), word]);
  await runWhere(
    manager,
    'DELETE FROM track_word WHERE ',
    [...wordsAt].map(([place, words]) => ({
      equal: ['place', place] as const,
      among: ['word', words] as const,
    })),
  );
  return after.filter((row) => {
    const was = before.get(keyOf(row));
    return was?.title !== row.title || was.artists !== row.artists;
  });
}

function findListRows(
  manager: EntityManager,
  places: readonly string[],
  isHeld: boolean,
): Promise<TrackWord[]> {
  if (places.length === 0) return Promise.resolve([]);
  const lock = isHeld ? lockClause(manager, 'alone') : '';
  return manager.query<TrackWord[]>(
    `SELECT word, place, title, artists FROM track_word WHERE word = '' AND place IN (${placesOf(manager, places)}) ORDER BY place${lock}`,
    [...places],
  );
}

/** Stored tracks as they are to be found, by the names that their artists have now. */
async function readEntries(manager: EntityManager, isrcs: readonly string[]): Promise<TrackEntry[]> {
  const tracks = await selectRows(manager, Track, 'isrc', isrcs, {
    properties: ['isrc', 'sortRank', 'titleNorm'],
  });
  const credits = await selectRows(manager, TrackArtist, 'isrc', isrcs, {
    properties: ['isrc', 'position', 'artistId'],
  });
  const ids = [...new Set(credits.map(({ artistId }) => artistId))];
  const artists = await manager.find(Artist, {
    select: { id: true, nameNorm: true },
    where: { id: In(ids) },
  });
  const names = new Map(artists.map(({ id, nameNorm }) => [id, nameNorm]));
  const byPosition = [...credits].sort((a, b) => a.position - b.position);
  return tracks.map(({ isrc, sortRank, titleNorm }) => ({
    isrc,
    sortRank,
    title: titleNorm,
    artists: byPosition.flatMap((credit) => (credit.isrc === isrc ? [names.get(credit.artistId) ?? ''] : [])),
  }));
}

interface Condition {
  readonly equal: readonly [column: string, value: string];
  readonly among: readonly [column: string, values: readonly string[]];
}

/** Runs a statement on the rows of any of the conditions, in parts. */
async function runWhere(
  manager: EntityManager,
  head: string,
  conditions: readonly Condition[],
  tail = '',
): Promise<void> {
  for (const [where, values] of wheresOf(manager, conditions))
    await manager.query(head + where + tail, values);
}

/** The conditions of statements that together have the rows of any of `conditions`, each with its parameters. */
function* wheresOf(
  { dataSource: { driver } }: EntityManager,
  conditions: readonly Condition[],
): Generator<[where: string, values: string[]]> {
  for (let at = 0; at < conditions.length; at += CONDITIONS_A_STATEMENT) {
    const values: string[] = [];
    const bind = (value: string) => driver.createParameter('', values.push(value) - 1);
    const texts = conditions
      .slice(at, at + CONDITIONS_A_STATEMENT)
      .filter(({ among: [, several] }) => several.length > 0)
      .map(({ equal: [one, value], among: [other, several] }) => {
        return `(${one} = ${bind(value)} AND ${other} IN (${several.map(bind).join(', ')}))`;
      });
    if (texts.length > 0) yield [texts.join(' OR '), values];
  }
}

const keyOf = ({ word, place }: TrackWord) => `${word} ${place}`;
const isrcOf = ({ place }: TrackWord) => place.slice(3);

/** By two columns, as all writers have it: so they wait for each other rather than deadlock. */
function byKey<Column extends string>(first: Column, second: Column) {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return (a: Record<Column, string>, b: Record<Column, string>) =>
    compare(a[first], b[first]) || compare(a[second], b[second]);
}
