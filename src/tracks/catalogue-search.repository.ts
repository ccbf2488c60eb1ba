import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { type CursoredPage, decodeCursor, type PageRequest, toPage } from '../common/page';
import { Artist } from './entities/artist.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { findArtists } from './find-artists.query';
import { findPlaces } from './find-tracks.query';
import type { NameQuery } from './name-search';
import type { TrackDocument } from './track-document';
import { loadDocuments } from './track-documents.query';
import { placeOf, trackAt } from './track-entry';
import type { TrackFilter } from './track-lists.query';

/** An artist and how many stored tracks name it. */
export interface StoredArtist extends Artist {
  trackCount: number;
}

/** Popularity descending (not told: last), then ISRC. */
const rank = z.number().int().min(0).max(101);
/** What a column can hold: PostgreSQL takes no NUL. */
const storable = (length: number) =>
  z
    .string()
    .max(length)
    .regex(/^[^\0]*$/);
const trackKey = z.tuple([rank, storable(12)]);
/** How well the name fits, the name, the id. */
const artistKey = z.tuple([rank, storable(1000), storable(64)]);

/** Lists of tracks and artists, by keyset paging: page N costs what page 1 costs, whatever others write meanwhile. */
export class CatalogueSearchRepository {
  constructor(private readonly manager: EntityManager) {}

  /** Stored tracks by popularity descending (not told: last), then ISRC. */
  async listTracks(filter: TrackFilter, page: PageRequest): Promise<CursoredPage<TrackDocument>> {
    const list = `tracks ${JSON.stringify([filter.artist?.normalised, filter.title?.normalised, filter.isrcPrefix])}`;
    const after = page.cursor === undefined ? '' : placeIn(decodeCursor(list, page.cursor, trackKey));
    const places = await findPlaces(this.manager, filter, after, page.limit + 1);
    return this.toTrackPage(places.map(trackAt), list, page.limit);
  }

  /** An artist's stored tracks, in the order of `listTracks`. */
  async listArtistTracks(artistId: string, page: PageRequest): Promise<CursoredPage<TrackDocument>> {
    const list = `artist ${artistId}`;
    const query = this.manager
      .createQueryBuilder(TrackArtist, 'credit')
      .select('credit.sort_rank', 'sortRank')
      .addSelect('credit.isrc', 'isrc')
      .where('credit.artist_id = :artistId', { artistId });
    if (page.cursor !== undefined) {
      const [afterRank, afterIsrc] = decodeCursor(list, page.cursor, trackKey);
      query.andWhere(
        `credit.sort_rank >= :afterRank AND (credit.sort_rank > :afterRank OR credit.isrc > :afterIsrc)`,
        { afterRank, afterIsrc },
      );
    }
    const keys = await query
      .orderBy('credit.sort_rank', 'ASC')
      .addOrderBy('credit.isrc', 'ASC')
      .limit(page.limit + 1)
      .getRawMany<{ sortRank: number; isrc: string }>();
    return this.toTrackPage(keys, list, page.limit);
  }

  /** Artists: exact name first, then names that begin with the query, then the rest; then by name, id. */
  async listArtists(name: NameQuery | null, page: PageRequest): Promise<CursoredPage<StoredArtist>> {
    const list = `artists ${JSON.stringify([name?.normalised])}`;
    const [fit, nameNorm, id] = page.cursor === undefined ? [] : decodeCursor(list, page.cursor, artistKey);
    const after =
      fit === undefined || nameNorm === undefined || id === undefined ? null : { fit, name: nameNorm, id };
    const rows = await findArtists(this.manager, name, after, page.limit + 1);
    return toPage(
      rows,
      page.limit,
      list,
      (row) => [fitOf(row.nameNorm, name), row.nameNorm, row.id],
      (row) => row,
    );
  }

  /** How many stored tracks name each of these artists; of none, nothing is told. */
  async countTracks(artistIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.manager
      .createQueryBuilder(TrackArtist, 'credit')
      .select('credit.artist_id', 'id')
      .addSelect('COUNT(*)', 'count')
      .where('credit.artist_id IN (:...artistIds)', { artistIds })
      .groupBy('credit.artist_id')
      .getRawMany<{ id: string; count: number | string }>();
    return new Map(rows.map(({ id, count }) => [id, Number(count)]));
  }

  async findArtist(id: string): Promise<StoredArtist | null> {
    const artist = await this.manager.findOneBy(Artist, { id });
    if (artist === null) return null;
    const trackCount = await this.manager.countBy(TrackArtist, { artistId: id });
    return Object.assign(artist, { trackCount });
  }

  /** Reads the tracks of a page. */
  private async toTrackPage(
    keys: readonly { sortRank: number; isrc: string }[],
    list: string,
    limit: number,
  ): Promise<CursoredPage<TrackDocument>> {
    const shown = keys.slice(0, limit).map(({ isrc }) => isrc);
    const { documents } = await loadDocuments(this.manager, shown);
    const { items, nextCursor, cursorOf } = toPage(
      keys,
      limit,
      list,
      ({ sortRank, isrc }) => [sortRank, isrc],
      ({ isrc }, place) => ({ track: documents.get(isrc), place }),
    );
    // A track removed between the two reads is gone from the page too.
    const found = items.filter((item): item is { track: TrackDocument; place: number } => !!item.track);
    return {
      items: found.map(({ track }) => track),
      nextCursor,
      cursorOf: (at) => cursorOf(found[at]?.place ?? at),
    };
  }
}

function placeIn([sortRank, isrc]: readonly [number, string]): string {
  return placeOf({ sortRank, isrc });
}

/** In which part of the list a name is. */
function fitOf(nameNorm: string, query: NameQuery | null): number {
  if (query === null || nameNorm === query.normalised) return 0;
  return nameNorm.startsWith(query.normalised) ? 1 : 2;
}
