import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { Recording, RecordingAlbum, RecordingArtist } from '../recording/recording';
import { Album } from './entities/album.entity';
import { Artist } from './entities/artist.entity';
import { OwnerChange } from './entities/owner-change.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import { dropArtistNames, indexArtistNames } from './name-index.query';
import { normaliseName } from './name-search';
import { deleteRows, type Hold, insertRows, isSameIn, selectRows } from './rows.query';

const ALBUM_PROPERTIES = [
  'id', 'title', 'type', 'releaseDate', 'releaseDatePrecision', 'totalTracks', 'upc', 'label', 'url', 'images',
] as const; // prettier-ignore
const ARTIST_PROPERTIES = ['id', 'name', 'nameNorm', 'url'] as const;
const NOBODY_YET = new Date(0);

/** Albums and artists that tracks stood on before they were saved anew. */
export interface FormerOwners {
  readonly albumIds: readonly string[];
  readonly artistIds: readonly string[];
}

/** Albums and artists by id. */
export interface Owners {
  readonly albums: ReadonlyMap<string, RecordingAlbum>;
  readonly artists: ReadonlyMap<string, RecordingArtist>;
}

/** The owners that recordings tell of; of one that several tell of, the last holds. */
export function ownersOf(recordings: readonly Recording[]): Owners {
  return {
    albums: new Map(recordings.map(({ chosen: { album } }) => [album.id, album])),
    artists: new Map(recordings.flatMap(({ chosen }) => chosen.artists.map((artist) => [artist.id, artist]))),
  };
}

/**
 * Saves owners of tracks. Their rows, and those that the tracks stood on before, are held until the end by all transactions in
 * one order: albums, then artists, each by id. So writers with some of them in common wait rather than deadlock, and nobody
 * removes what another is about to use. Where an owner is shown otherwise than before, the documents that name it are marked as
 * behind. Artists whose names are searched otherwise now are told: their tracks are to be found anew.
 */
export async function saveOwners(
  manager: EntityManager,
  { albums, artists }: Owners,
  before: FormerOwners,
): Promise<{ renamedArtistIds: string[] }> {
  const albumRows = [...albums.values()].map((album) => ({ ...album, images: [...album.images] }));
  const changedAlbums = await saveRows(manager, Album, ALBUM_PROPERTIES, albumRows, before.albumIds);
  const artistRows = [...artists.values()].map(({ id, name, url }) => ({
    id,
    name,
    nameNorm: normaliseName(name),
    url,
  }));
  const changedArtists = await saveRows(manager, Artist, ARTIST_PROPERTIES, artistRows, before.artistIds);
  const renamed = changedArtists.changed.filter(({ was, is }) => was.nameNorm !== is.nameNorm);
  await dropArtistNames(
    manager,
    renamed.map(({ was }) => was.nameNorm),
  );
  await indexArtistNames(
    manager,
    [...changedArtists.made, ...renamed.map(({ is }) => is)].map(({ nameNorm }) => nameNorm),
  );

  const change = { revision: randomUUID(), claimedUntil: NOBODY_YET };
  await insertRows(
    manager,
    OwnerChange,
    [
      ...changedAlbums.changed.map(({ is }) => ({ kind: 'album' as const, ownerId: is.id, ...change })),
      ...changedArtists.changed.map(({ is }) => ({ kind: 'artist' as const, ownerId: is.id, ...change })),
    ],
    ['revision'],
  );
  return { renamedArtistIds: renamed.map(({ is }) => is.id) };
}

/**
 * Writes what is not there as given, and holds it and `others`; what neither changes nor may go is held together with whoever
 * does likewise. Tells which rows were made, and which changed from what.
 */
async function saveRows<Row extends { id: string }>(
  manager: EntityManager,
  entity: new () => Row,
  properties: readonly (keyof Row & string)[],
  rows: readonly Row[],
  others: readonly string[],
): Promise<{ made: Row[]; changed: { was: Row; is: Row }[] }> {
  const ours = [...rows].sort((a, b) => (a.id < b.id ? -1 : 1));
  const ids = [...new Set([...ours.map(({ id }) => id), ...others])];
  const read = async (wanted: readonly string[], hold?: Hold) => {
    const found = await selectRows(manager, entity, 'id', wanted, { properties, hold });
    return new Map(found.map((row) => [row.id, row as Row]));
  };
  const changedFrom = (before: ReadonlyMap<string, Row>) =>
    ours.flatMap((is) => {
      const was = before.get(is.id);
      return was === undefined || isSameIn(manager, entity, properties, was, is) ? [] : [{ was, is }];
    });
  const seen = await read(ids);
  // Writers everywhere have the popular owners in common: those who change and remove nothing hold them together.
  const isPlain = ids.length === ours.length && changedFrom(seen).length === 0;
  const hold: Hold = isPlain ? 'shared' : 'alone';
  const made = new Set<Row>();
  const held = new Map<string, Row>();
  // What is missing is made before anything is held: else two writers could each hold what the other wants to make. Another one
  // may be first to make it, and otherwise, so it is compared like the rest; or may remove one: then once more.
  let missing = ours.filter(({ id }) => !seen.has(id));
  let wanted = ids;
  do {
    await insertRows(manager, entity, missing, 'keep');
    for (const row of missing) made.add(row);
    for (const [id, row] of await read(wanted, hold)) held.set(id, row);
    missing = ours.filter(({ id }) => !held.has(id));
    wanted = missing.map(({ id }) => id);
  } while (missing.length > 0);
  // Where another one changed a row since it was seen, writing it may deadlock with those who hold it with us, and is tried again.
  const changed = changedFrom(held);
  const isChanged = new Set(changed.map(({ is }) => is.id));
  await insertRows(
    manager,
    entity,
    changed.map(({ is }) => is),
    properties,
  );
  return { made: [...made].filter(({ id }) => !isChanged.has(id)), changed };
}

/** Holds the owners of tracks that are to be removed, in the order of all transactions. */
export async function holdOwners(
  manager: EntityManager,
  { albumIds, artistIds }: FormerOwners,
): Promise<void> {
  await selectRows(manager, Album, 'id', albumIds, { properties: ['id'], hold: 'alone' });
  await selectRows(manager, Artist, 'id', artistIds, { properties: ['id'], hold: 'alone' });
}

/**
 * Removes those artists and albums that no track has any more. The caller holds them: a writer who is about to use one of them
 * has committed by now, or will make it anew. Which are used is asked by statements of their own: within a DELETE, MySQL and
 * MariaDB would lock the tracks too, and deadlock with their writers.
 */
export async function removeOrphans(
  manager: EntityManager,
  { artistIds, albumIds }: FormerOwners,
): Promise<void> {
  const unusedArtists = await without(artistIds, (ids) =>
    manager
      .createQueryBuilder(TrackArtist, 'credit')
      .select('DISTINCT credit.artist_id', 'id')
      .where('credit.artist_id IN (:...ids)', { ids })
      .getRawMany(),
  );
  const dropped = await selectRows(manager, Artist, 'id', unusedArtists, { properties: ['nameNorm'] });
  await deleteRows(manager, Artist, 'id', unusedArtists);
  await dropArtistNames(
    manager,
    dropped.map(({ nameNorm }) => nameNorm),
  );
  const unusedAlbums = await without(albumIds, (ids) =>
    manager
      .createQueryBuilder(Track, 'track')
      .select('DISTINCT track.album_id', 'id')
      .where('track.album_id IN (:...ids)', { ids })
      .getRawMany(),
  );
  await deleteRows(manager, Album, 'id', unusedAlbums);
}

/** Those of `ids` that `findUsed` does not find. */
async function without(
  ids: readonly string[],
  findUsed: (ids: readonly string[]) => Promise<{ id: string }[]>,
): Promise<string[]> {
  if (ids.length === 0) return [];
  const used = new Set((await findUsed(ids)).map(({ id }) => id));
  return ids.filter((id) => !used.has(id));
}
