import { type EntityManager, In, type ObjectLiteral } from 'typeorm';
import type { RecordingAlbum, RecordingArtist, SourceTrack } from '../recording/recording';
import { Album } from './entities/album.entity';
import { Artist } from './entities/artist.entity';
import { ArtistGram } from './entities/name-gram.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import { gramsOf, normaliseName } from './name-search';

/** Rows of one statement: SQLite binds at most 32,766 values. */
const ROWS_A_STATEMENT = 500;

/**
 * Saves album and artists of a track. Their rows, and those that the track stood on before, are locked in one order by
 * all transactions: albums, then artists, each by id. So writers with some of them in common wait rather than deadlock,
 * and nobody removes what another is about to use.
 */
export async function saveOwners(
  manager: EntityManager,
  { album, artists }: SourceTrack,
  before: { albumIds: readonly string[]; artistIds: readonly string[] },
): Promise<void> {
  for (const [id] of inOrder([album.id], before.albumIds)) {
    if (id === album.id) await saveAlbum(manager, album);
    else await lockRows(manager, Album, 'id', [id]);
  }
  const byId = new Map(artists.map((artist) => [artist.id, artist]));
  for (const ids of inOrder([...byId.keys()], before.artistIds)) {
    const rows = ids.map((id) => byId.get(id)).filter((artist) => artist !== undefined);
    if (rows.length > 0) await saveArtists(manager, rows);
    else await lockRows(manager, Artist, 'id', ids);
  }
}

/** All ids in order, in runs that are either among `ours` or not. */
function inOrder(ours: readonly string[], others: readonly string[]): [string, ...string[]][] {
  const isOurs = new Set(ours);
  const runs: [string, ...string[]][] = [];
  for (const id of [...new Set([...ours, ...others])].sort()) {
    const run = runs.at(-1);
    if (run !== undefined && isOurs.has(run[0]) === isOurs.has(id)) run.push(id);
    else runs.push([id]);
  }
  return runs;
}

async function saveArtists(manager: EntityManager, artists: readonly RecordingArtist[]): Promise<void> {
  const rows = artists.map(({ id, name, url }) => ({ id, name, nameNorm: normaliseName(name), url }));
  const ids = rows.map(({ id }) => id);
  // The normalised name of a stored one stays until its grams are seen to.
  await manager
    .createQueryBuilder()
    .insert()
    .into(Artist)
    .values(rows)
    .orUpdate(['name', 'url'], ['id'])
    .updateEntity(false)
    .execute();
  const stored = await manager
    .createQueryBuilder(Artist, 'artist')
    .select('artist.id', 'id')
    .addSelect('artist.name_norm', 'nameNorm')
    .addSelect(
      'CASE WHEN EXISTS (SELECT 1 FROM artist_gram WHERE artist_gram.artist_id = artist.id) THEN 1 ELSE 0 END',
      'hasGrams',
    )
    .where('artist.id IN (:...ids)', { ids })
    .getRawMany<{ id: string; nameNorm: string; hasGrams: number }>();
  const indexed = new Map(stored.map(({ id, nameNorm, hasGrams }) => [id, hasGrams ? nameNorm : null]));
  const stale = rows.filter(({ id, nameNorm }) => indexed.get(id) !== nameNorm);
  for (const { id, nameNorm } of stale.filter((row) => indexed.get(row.id) !== null)) {
    await manager.update(Artist, { id }, { nameNorm });
    await manager.delete(ArtistGram, { artistId: id });
  }
  await insertRows(
    manager,
    ArtistGram,
    stale.flatMap(({ id, nameNorm }) => gramsOf(nameNorm).map((gram) => ({ gram, artistId: id }))),
  );
}

/**
 * Reads rows by key and holds them until the transaction ends. SQLite needs no locks: there a transaction has the whole
 * file.
 */
export function lockRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: new () => Row,
  key: keyof Row & string,
  keys: readonly string[],
): Promise<Row[]> {
  if (keys.length === 0) return Promise.resolve([]);
  const query = manager
    .createQueryBuilder(entity, 'held')
    .where(`held.${key} IN (:...keys)`, { keys })
    .orderBy(`held.${key}`);
  if (manager.dataSource.options.type !== 'better-sqlite3') query.setLock('pessimistic_write');
  return query.getMany();
}

/**
 * Removes those artists and albums that no track has any more. The caller has locked them: a writer who is about to use
 * one of them has committed by now, or will make it anew. Which are used is asked by statements of their own: within a
 * DELETE, MySQL and MariaDB would lock the tracks too, and deadlock with their writers.
 */
export async function removeOrphans(
  manager: EntityManager,
  artistIds: readonly string[],
  albumIds: readonly string[],
): Promise<void> {
  const unusedArtists = await without(artistIds, (ids) =>
    manager
      .createQueryBuilder(TrackArtist, 'credit')
      .select('DISTINCT credit.artist_id', 'id')
      .where('credit.artist_id IN (:...ids)', { ids })
      .getRawMany(),
  );
  if (unusedArtists.length > 0) {
    await manager.delete(Artist, { id: In(unusedArtists) });
    await manager.delete(ArtistGram, { artistId: In(unusedArtists) });
  }
  const unusedAlbums = await without(albumIds, (ids) =>
    manager
      .createQueryBuilder(Track, 'track')
      .select('DISTINCT track.album_id', 'id')
      .where('track.album_id IN (:...ids)', { ids })
      .getRawMany(),
  );
  if (unusedAlbums.length > 0) await manager.delete(Album, { id: In(unusedAlbums) });
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

async function saveAlbum(manager: EntityManager, album: RecordingAlbum): Promise<void> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(Album)
    .values({ ...album, images: [...album.images] })
    .orUpdate(
      [
        'title',
        'type',
        'release_date',
        'release_date_precision',
        'total_tracks',
        'upc',
        'label',
        'url',
        'images',
      ],
      ['id'],
    )
    .updateEntity(false)
    .execute();
}

/** Inserts rows, in statements of a size that every engine takes. */
export async function insertRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: new () => Row,
  rows: readonly Row[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
    await manager
      .createQueryBuilder()
      .insert()
      .into(entity)
      .values(rows.slice(at, at + ROWS_A_STATEMENT))
      .updateEntity(false)
      .execute();
  }
}
