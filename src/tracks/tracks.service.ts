import { Injectable } from '@nestjs/common';
import { Flights } from '../common/flights';
import type { Page } from '../common/page';
import { type Isrc, parseIsrc } from '../recording/isrc';
import { RecordingSource } from '../recording/recording-source';
import {
  CatalogueSearchRepository,
  type PageRequest,
  type StoredArtist,
  type TrackFilter,
} from './catalogue-search.repository';
import type { Candidate } from './entities/candidate.entity';
import type { NameQuery } from './name-search';
import type { StoredTrack } from './stored-track.query';
import { ArtistNotFoundError, RecordingNotFoundError, TrackNotFoundError } from './tracks.errors';
import { type RefreshOutcome, TrackRefresher } from './track-refresher';
import { TracksRepository } from './tracks.repository';

/** Spotify's index has been empty for a day and come back: a miss is remembered, but not for ever. */
const MISS_LIFETIME_MS = 10 * 60 * 1000;

/** What became of one entry of a lookup. */
export type LookupResult =
  | { readonly input: string; readonly status: 'found'; readonly isrc: Isrc; readonly track: StoredTrack }
  | { readonly input: string; readonly status: 'missing'; readonly isrc: Isrc; readonly track: null }
  | { readonly input: string; readonly status: 'invalid'; readonly isrc: null; readonly track: null };

/** The rules of tracks: what is asked of the source, when, and what is kept. */
@Injectable()
export class TracksService {
  /** Fetched and stored right now; true where the track is new. */
  private readonly landings = new Flights<boolean>();

  constructor(
    private readonly tracks: TracksRepository,
    private readonly search: CatalogueSearchRepository,
    private readonly source: RecordingSource,
    private readonly refresher: TrackRefresher,
  ) {}

  /**
   * The stored track, fetched and stored first where it is not there yet; `isNew` for the one caller who caused that.
   * @param caller aborted when the caller goes: what nobody else waits for is then cancelled
   * @throws RecordingNotFoundError, and what `RecordingSource.findByIsrc` throws
   */
  async addTrack(isrc: Isrc, caller?: AbortSignal): Promise<{ track: StoredTrack; isNew: boolean }> {
    const stored = await this.tracks.findTrack(isrc);
    if (stored !== null) return { track: stored, isNew: false };
    const land = async (signal: AbortSignal) => {
      // Looked at again: another flight may have landed since.
      if ((await this.tracks.findTrack(isrc)) !== null) return false;
      if (await this.tracks.hasRecentMiss(isrc, new Date())) throw new RecordingNotFoundError(isrc);
      return (await this.fetchAndStore(isrc, { onlyIfStored: false, signal })) === 'created';
    };
    const { result: isNew, isStarter } = await this.landings.join(`add ${isrc}`, land, caller);
    return { track: await this.getTrack(isrc), isNew: isNew && isStarter };
  }

  /** @throws TrackNotFoundError */
  async getTrack(isrc: Isrc): Promise<StoredTrack> {
    const track = await this.tracks.findTrack(isrc);
    if (track === null) throw new TrackNotFoundError(isrc);
    return track;
  }

  /**
   * Fetches a stored track anew. Where the source no longer has it, what is stored stays.
   * @param caller aborted when the caller goes: what nobody else waits for is then cancelled
   * @throws TrackNotFoundError, RecordingNotFoundError, and what `RecordingSource.findByIsrc` throws
   */
  async refreshTrack(isrc: Isrc, caller?: AbortSignal): Promise<StoredTrack> {
    await this.getTrack(isrc);
    const land = async (signal: AbortSignal) => {
      const outcome = await this.refresher.refresh(isrc, signal);
      if (outcome instanceof Error) throw outcome;
      if (outcome === 'not-found') {
        await this.rememberMiss(isrc);
        throw new RecordingNotFoundError(isrc);
      }
      return false;
    };
    await this.landings.join(`refresh ${isrc}`, land, caller);
    return this.getTrack(isrc);
  }

  /**
   * Fetches stored tracks anew for work in the background, many by one call where the source can do that. Never throws for
   * what one of them meets: that is its outcome.
   * @param signal ends it early; those that are left then have its reason for an outcome
   */
  async refreshTracks(
    isrcs: readonly Isrc[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<Isrc, RefreshOutcome>> {
    const outcomes = await this.refresher.refreshAll(isrcs, { lane: 'bulk', signal });
    for (const [isrc, outcome] of outcomes) if (outcome === 'not-found') await this.rememberMiss(isrc);
    return outcomes;
  }

  /** @throws TrackNotFoundError */
  async removeTrack(isrc: Isrc): Promise<void> {
    if (!(await this.tracks.deleteTrack(isrc))) throw new TrackNotFoundError(isrc);
  }

  /** One result for each input, in order; nothing is asked of the source. */
  async lookupTracks(inputs: readonly string[]): Promise<LookupResult[]> {
    const readings = inputs.map((input) => ({ input, reading: parseIsrc(input) }));
    const isrcs = new Set(readings.flatMap(({ reading }) => ('isrc' in reading ? [reading.isrc] : [])));
    const tracks = new Map((await this.tracks.findTracks([...isrcs])).map((track) => [track.isrc, track]));
    return readings.map(({ input, reading }) => {
      if ('fault' in reading) return { input, status: 'invalid', isrc: null, track: null };
      const track = tracks.get(reading.isrc);
      return track === undefined
        ? { input, status: 'missing', isrc: reading.isrc, track: null }
        : { input, status: 'found', isrc: reading.isrc, track };
    });
  }

  listTracks(filter: TrackFilter, page: PageRequest): Promise<Page<StoredTrack>> {
    return this.search.listTracks(filter, page);
  }

  /** @throws TrackNotFoundError */
  async listCandidates(isrc: Isrc): Promise<Candidate[]> {
    const candidates = await this.tracks.listCandidates(isrc);
    if (candidates.length === 0) throw new TrackNotFoundError(isrc);
    return candidates;
  }

  listArtists(name: NameQuery | null, page: PageRequest): Promise<Page<StoredArtist>> {
    return this.search.listArtists(name, page);
  }

  /** @throws ArtistNotFoundError */
  async getArtist(id: string): Promise<StoredArtist> {
    const artist = await this.search.findArtist(id);
    if (artist === null) throw new ArtistNotFoundError();
    return artist;
  }

  /** @throws ArtistNotFoundError */
  async listArtistTracks(id: string, page: PageRequest): Promise<Page<StoredTrack>> {
    await this.getArtist(id);
    return this.search.listArtistTracks(id, page);
  }

  private async fetchAndStore(
    isrc: Isrc,
    { onlyIfStored, signal }: { onlyIfStored: boolean; signal: AbortSignal },
  ): Promise<'created' | 'replaced' | 'gone'> {
    const recording = await this.source.findByIsrc(isrc, { lane: 'interactive', signal });
    if (recording === null) {
      await this.rememberMiss(isrc);
      throw new RecordingNotFoundError(isrc);
    }
    return this.tracks.saveRecording(recording, { onlyIfStored });
  }

  private async rememberMiss(isrc: Isrc): Promise<void> {
    const now = new Date();
    await this.tracks.rememberMiss(isrc, now, new Date(now.getTime() + MISS_LIFETIME_MS));
  }
}
