import { Exclude, Expose, Transform, Type } from 'class-transformer';
import { Column, Entity, JoinColumn, ManyToOne, OneToMany, PrimaryColumn } from 'typeorm';

/** As in most Nest projects, the entities are the response: what is not to be seen is excluded, what differs is exposed. */

@Entity('artists')
export class Artist {
  @PrimaryColumn()
  @Exclude()
  id: number;

  @Column({ name: 'spotify_id' })
  @Expose({ name: 'id' })
  spotifyId: string;

  @Column()
  name: string;

  @Column()
  url: string;
}

@Entity('albums')
export class Album {
  @PrimaryColumn()
  @Exclude()
  id: number;

  @Column({ name: 'spotify_id' })
  @Expose({ name: 'id' })
  spotifyId: string;

  @Column()
  title: string;

  @Column()
  type: string;

  @Column({ name: 'release_date', type: 'varchar', nullable: true })
  releaseDate: string | null;

  @Column({ name: 'release_date_precision', type: 'varchar', nullable: true })
  releaseDatePrecision: string | null;

  @Column({ name: 'total_tracks' })
  totalTracks: number;

  @Column({ type: 'varchar', nullable: true })
  upc: string | null;

  @Column({ type: 'varchar', nullable: true })
  label: string | null;

  @Column()
  url: string;

  @Column({ type: 'json' })
  @Exclude()
  images: { url: string; width: number; height: number }[];
}

@Entity('tracks')
export class Track {
  @PrimaryColumn()
  @Exclude()
  id: number;

  @Column({ unique: true })
  isrc: string;

  @Column()
  title: string;

  @OneToMany(() => TrackArtist, (credit) => credit.track, { cascade: true })
  @Exclude()
  credits: TrackArtist[];

  @Expose()
  @Type(() => Artist)
  get artists(): Artist[] {
    return this.credits.map(({ artist }) => artist);
  }

  @ManyToOne(() => Album, { cascade: true, createForeignKeyConstraints: false })
  @JoinColumn({ name: 'album_id' })
  @Type(() => Album)
  album: Album;

  @Expose()
  get coverImage() {
    return this.album.images[0] ?? null;
  }

  @Expose()
  get images() {
    return this.album.images;
  }

  @Column({ name: 'duration_ms' })
  durationMs: number;

  @Column({ type: 'boolean' })
  @Transform(({ value }) => Boolean(value))
  explicit: boolean;

  @Column({ type: 'int', nullable: true })
  popularity: number | null;

  @Column({ name: 'disc_number' })
  discNumber: number;

  @Column({ name: 'track_number' })
  trackNumber: number;

  @Column({ name: 'preview_url', type: 'varchar', nullable: true })
  previewUrl: string | null;

  @Column({ name: 'available_markets', type: 'json', nullable: true })
  availableMarkets: string[] | null;

  @Column({ name: 'source_name' })
  @Exclude()
  sourceName: string;

  @Column({ name: 'source_id' })
  @Exclude()
  sourceId: string;

  @Column({ name: 'source_url' })
  @Exclude()
  sourceUrl: string;

  @Column({ name: 'fetched_at', type: 'datetime', precision: 3 })
  @Exclude()
  fetchedAt: Date;

  @Expose()
  get source() {
    return {
      name: this.sourceName,
      id: this.sourceId,
      url: this.sourceUrl,
      fetchedAt: this.fetchedAt.toISOString(),
    };
  }

  @Column({ name: 'match_rule' })
  @Exclude()
  matchRule: string;

  @Column({ name: 'match_candidates' })
  @Exclude()
  matchCandidates: number;

  @Column({ name: 'match_market', type: 'varchar', nullable: true })
  @Exclude()
  matchMarket: string | null;

  @Expose()
  get match() {
    return { rule: this.matchRule, candidates: this.matchCandidates, market: this.matchMarket };
  }

  @Column({ name: 'created_at', type: 'datetime', precision: 3 })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'datetime', precision: 3 })
  updatedAt: Date;
}

@Entity('track_artists')
export class TrackArtist {
  @PrimaryColumn({ name: 'track_id' })
  trackId: number;

  @PrimaryColumn()
  position: number;

  @ManyToOne(() => Track, (track) => track.credits, { createForeignKeyConstraints: false })
  @JoinColumn({ name: 'track_id' })
  track: Track;

  @ManyToOne(() => Artist, { cascade: true, createForeignKeyConstraints: false })
  @JoinColumn({ name: 'artist_id' })
  artist: Artist;
}
