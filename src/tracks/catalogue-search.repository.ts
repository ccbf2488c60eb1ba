import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { decodeCursor, type Page, toPage } from '../common/page';
import { Artist } from './entities/artist.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { findArtists } from './find-artists.query';
import { findPlaces } from './find-tracks.query';
import type { NameQuery } from './name-search';
import type { TrackDocument } from './track-document';
import { loadDocuments } from './track-documents.query';
import { placeOf, trackAt } from './track-entry';
import type { TrackFilter } from './track-lists.query';

export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
}

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
@Injectable()
export class CatalogueSearchRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** Stored tracks by popularity descending (not told: last), then ISRC. */
  async listTracks(filter: TrackFilter, page: PageRequest): Promise<Page<TrackDocument>> {
    const list = `tracks ${JSON.stringify([filter.artist?.normalised, filter.title?.normalised, filter.isrcPrefix])}`;
    const after = page.cursor === undefined ? '' : placeIn(decodeCursor(list, page.cursor, trackKey));
    const places = await findPlaces(this.dataSource.manager, filter, after, page.limit + 1);
    return this.toTrackPage(places.map(trackAt), list, page.limit);
  }

  /** An artist's stored tracks, in the order of `listTracks`. */
  async listArtistTracks(artistId: string, page: PageRequest): Promise<Page<TrackDocument>> {
    const list = `artist ${artistId}`;
    const query = this.dataSource
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
  async listArtists(name: NameQuery | null, page: PageRequest): Promise<Page<StoredArtist>> {
    const list = `artists ${JSON.stringify([name?.normalised])}`;
    const [fit, nameNorm, id] = page.cursor === undefined ? [] : decodeCursor(list, page.cursor, artistKey);
    const after =
      fit === undefined || nameNorm === undefined || id === undefined ? null : { fit, name: nameNorm, id };
    const rows = await findArtists(this.dataSource.manager, name, after, page.limit + 1);
    return toPage(
      rows,
      page.limit,
      list,
      (row) => [fitOf(row.nameNorm, name), row.nameNorm, row.id],
      (row) => row,
    );
  }

  async findArtist(id: string): Promise<StoredArtist | null> {
    const artist = await this.dataSource.manager.findOneBy(Artist, { id });
    if (artist === null) return null;
    const trackCount = await this.dataSource.manager.countBy(TrackArtist, { artistId: id });
    return Object.assign(artist, { trackCount });
  }

  /** Reads the tracks of a page. */
  private async toTrackPage(
    keys: readonly { sortRank: number; isrc: string }[],
    list: string,
    limit: number,
  ): Promise<Page<TrackDocument>> {
    const shown = keys.slice(0, limit).map(({ isrc }) => isrc);
    const { documents } = await loadDocuments(this.dataSource.manager, shown);
    const { items, nextCursor } = toPage(
      keys,
      limit,
      list,
      ({ sortRank, isrc }) => [sortRank, isrc],
      ({ isrc }) => documents.get(isrc),
    );
    // A track removed between the two reads is gone from the page too.
    return { items: items.filter((track) => track !== undefined), nextCursor };
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
