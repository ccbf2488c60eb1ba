import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type SelectQueryBuilder } from 'typeorm';
import { z } from 'zod';
import { decodeCursor, type Page, toPage } from '../common/page';
import { Artist } from './entities/artist.entity';
import { ArtistGram, TrackGram } from './entities/name-gram.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import type { NameQuery } from './name-search';
import type { TrackDocument } from './track-document';
import { loadDocuments } from './track-documents.query';

/** All given filters must hold. */
export interface TrackFilter {
  readonly artist: NameQuery | null;
  readonly title: NameQuery | null;
  /** The first characters of canonical ISRCs. */
  readonly isrcPrefix: string | null;
}

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

/** More grams than this are not joined one by one, but counted: MySQL joins 61 tables at most. */
const MAX_JOINED_GRAMS = 6;
const AFTER_ANY_ISRC_CHARACTER = '~';

/** Lists of tracks and artists, by keyset paging: page N costs what page 1 costs, whatever others write meanwhile. */
@Injectable()
export class CatalogueSearchRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** Stored tracks by popularity descending (not told: last), then ISRC. */
  async listTracks(filter: TrackFilter, page: PageRequest): Promise<Page<TrackDocument>> {
    const list = `tracks ${JSON.stringify([filter.artist?.normalised, filter.title?.normalised, filter.isrcPrefix])}`;
    const query = this.dataSource
      .createQueryBuilder(Track, 'track')
      .select('track.sort_rank', 'rank')
      .addSelect('track.isrc', 'isrc');
    if (filter.isrcPrefix !== null) {
      const bounds = { prefix: filter.isrcPrefix, prefixEnd: filter.isrcPrefix + AFTER_ANY_ISRC_CHARACTER };
      query.andWhere('track.isrc >= :prefix AND track.isrc < :prefixEnd', bounds);
    }
    if (filter.title !== null) {
      this.addNameSearch(query, filter.title, {
        gramTable: TrackGram,
        gramOwner: 'isrc',
        owner: 'track.isrc',
        name: 'track.title_norm',
        prefix: 't',
      });
    }
    if (filter.artist !== null) {
      const credited = query
        .subQuery()
        .select('credit.isrc')
        .from(TrackArtist, 'credit')
        .innerJoin(Artist, 'artist', 'artist.id = credit.artist_id');
      this.addNameSearch(credited, filter.artist, {
        gramTable: ArtistGram,
        gramOwner: 'artist_id',
        owner: 'artist.id',
        name: 'artist.name_norm',
        prefix: 'a',
      });
      query.andWhere(`track.isrc IN ${credited.getQuery()}`).setParameters(credited.getParameters());
    }
    return this.pageOfTracks(query, 'track', list, page);
  }

  /** An artist's stored tracks, in the order of `listTracks`. */
  listArtistTracks(artistId: string, page: PageRequest): Promise<Page<TrackDocument>> {
    const query = this.dataSource
      .createQueryBuilder(TrackArtist, 'credit')
      .select('credit.sort_rank', 'rank')
      .addSelect('credit.isrc', 'isrc')
      .where('credit.artist_id = :artistId', { artistId });
    return this.pageOfTracks(query, 'credit', `artist ${artistId}`, page);
  }

  /** Artists: exact name first, then names that begin with the query, then the rest; then by name, id. */
  async listArtists(name: NameQuery | null, page: PageRequest): Promise<Page<StoredArtist>> {
    const list = `artists ${JSON.stringify([name?.normalised])}`;
    const fit =
      name === null
        ? '0'
        : 'CASE WHEN artist.name_norm = :whole THEN 0 WHEN substr(artist.name_norm, 1, :length) = :whole THEN 1 ELSE 2 END';
    const query = this.dataSource
      .createQueryBuilder(Artist, 'artist')
      .select('artist.id', 'id')
      .addSelect('artist.name', 'name')
      .addSelect('artist.url', 'url')
      .addSelect('artist.name_norm', 'nameNorm')
      .addSelect(fit, 'fit')
      .addSelect(
        (count) => count.select('COUNT(*)').from(TrackArtist, 'credit').where('credit.artist_id = artist.id'),
        'trackCount',
      );
    if (name !== null) {
      this.addNameSearch(query, name, {
        gramTable: ArtistGram,
        gramOwner: 'artist_id',
        owner: 'artist.id',
        name: 'artist.name_norm',
        prefix: 'a',
      });
      query.setParameters({ whole: name.normalised, length: Array.from(name.normalised).length });
    }
    if (page.cursor !== undefined) {
      const [afterFit, afterName, afterId] = decodeCursor(list, page.cursor, artistKey);
      const ahead =
        '(artist.name_norm > :afterName OR (artist.name_norm = :afterName AND artist.id > :afterId))';
      query.andWhere(
        name === null
          ? `artist.name_norm >= :afterName AND ${ahead}`
          : `(${fit} > :afterFit OR (${fit} = :afterFit AND ${ahead}))`,
      );
      query.setParameters({ afterName, afterId, ...(name === null ? {} : { afterFit }) });
    }
    if (name !== null) query.orderBy('fit', 'ASC');
    const rows = await query
      .addOrderBy('artist.name_norm', 'ASC')
      .addOrderBy('artist.id', 'ASC')
      .limit(page.limit + 1)
      .getRawMany<Artist & { fit: string; trackCount: string }>(); // numbers on some engines, text on others
    return toPage(
      rows,
      page.limit,
      list,
      (row) => [Number(row.fit), row.nameNorm, row.id],
      ({ fit, ...artist }) => ({ ...artist, trackCount: Number(artist.trackCount) }),
    );
  }

  async findArtist(id: string): Promise<StoredArtist | null> {
    const artist = await this.dataSource.manager.findOneBy(Artist, { id });
    if (artist === null) return null;
    const trackCount = await this.dataSource.manager.countBy(TrackArtist, { artistId: id });
    return Object.assign(artist, { trackCount });
  }

  /** Pages through `source.sort_rank, source.isrc`, then reads the tracks of the page. */
  private async pageOfTracks(
    query: SelectQueryBuilder<Track> | SelectQueryBuilder<TrackArtist>,
    source: 'track' | 'credit',
    list: string,
    page: PageRequest,
  ): Promise<Page<TrackDocument>> {
    if (page.cursor !== undefined) {
      const [afterRank, afterIsrc] = decodeCursor(list, page.cursor, trackKey);
      query.andWhere(
        `${source}.sort_rank >= :afterRank AND (${source}.sort_rank > :afterRank OR ${source}.isrc > :afterIsrc)`,
        { afterRank, afterIsrc },
      );
    }
    const keys = await query
      .orderBy(`${source}.sort_rank`, 'ASC')
      .addOrderBy(`${source}.isrc`, 'ASC')
      .limit(page.limit + 1)
      .getRawMany<{ rank: number; isrc: string }>();
    const { documents } = await loadDocuments(
      this.dataSource.manager,
      keys.slice(0, page.limit).map(({ isrc }) => isrc),
    );
    const { items, nextCursor } = toPage(
      keys,
      page.limit,
      list,
      ({ rank, isrc }) => [rank, isrc],
      ({ isrc }) => documents.get(isrc),
    );
    // A track removed between the two reads is gone from the page too.
    return { items: items.filter((track) => track !== undefined), nextCursor };
  }

  /** Narrows a query to owners whose name has every word of `name`. */
  private addNameSearch<Row extends object>(
    query: SelectQueryBuilder<Row>,
    name: NameQuery,
    {
      gramTable,
      gramOwner,
      owner,
      name: column,
      prefix,
    }: { gramTable: new () => object; gramOwner: string; owner: string; name: string; prefix: string },
  ): void {
    // PostgreSQL has no INSTR, the others no STRPOS; both count from 1 and compare by the column's collation.
    const position = this.dataSource.options.type === 'postgres' ? 'strpos' : 'instr';
    name.grams.slice(0, MAX_JOINED_GRAMS).forEach((gram, index) => {
      const alias = `${prefix}_gram_${index}`;
      query.innerJoin(gramTable, alias, `${alias}.${gramOwner} = ${owner} AND ${alias}.gram = :${alias}`, {
        [alias]: gram,
      });
    });
    const others = name.grams.slice(MAX_JOINED_GRAMS);
    if (others.length > 0) {
      const counted = `${prefix}_others`;
      query.andWhere(
        `(SELECT COUNT(*) FROM ${this.dataSource.getMetadata(gramTable).tableName} ${counted}_gram WHERE ${counted}_gram.${gramOwner} = ${owner} AND ${counted}_gram.gram IN (:...${counted})) = ${others.length}`,
        { [counted]: others },
      );
    }
    name.parts.forEach((part, index) => {
      const parameter = `${prefix}_part_${index}`;
      query.andWhere(`${position}(${column}, :${parameter}) > 0`, { [parameter]: part });
    });
  }
}
