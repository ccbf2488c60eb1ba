import type { EntityManager } from 'typeorm';
import { ArtistGram, TrackGram } from './entities/name-gram.entity';
import { gramsOf } from './name-search';
import { deleteRows, insertRows } from './rows.query';

/** A name to be found by, and whether the index may hold an earlier one of the same track or artist. */
export interface IndexedName {
  readonly key: string;
  readonly normalised: string;
  readonly isReplaced: boolean;
}

/** Makes tracks be found by their titles. The caller holds the tracks. */
export async function indexTitles(manager: EntityManager, names: readonly IndexedName[]): Promise<void> {
  await unindexTitles(manager, replaced(names));
  const rows = names.flatMap(({ key, normalised }) =>
    gramsOf(normalised).map((gram) => ({ gram, isrc: key })),
  );
  await insertRows(manager, TrackGram, rows);
}

/** Makes artists be found by their names. The caller holds the artists; another writer may have indexed a new one alike. */
export async function indexArtists(manager: EntityManager, names: readonly IndexedName[]): Promise<void> {
  await unindexArtists(manager, replaced(names));
  const rows = names.flatMap(({ key, normalised }) =>
    gramsOf(normalised).map((gram) => ({ gram, artistId: key })),
  );
  await insertRows(manager, ArtistGram, rows, 'keep');
}

export async function unindexTitles(manager: EntityManager, isrcs: readonly string[]): Promise<void> {
  await deleteRows(manager, TrackGram, 'isrc', isrcs);
}

export async function unindexArtists(manager: EntityManager, ids: readonly string[]): Promise<void> {
  await deleteRows(manager, ArtistGram, 'artistId', ids);
}

function replaced(names: readonly IndexedName[]): string[] {
  return names.filter(({ isReplaced }) => isReplaced).map(({ key }) => key);
}
