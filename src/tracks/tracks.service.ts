import { Injectable } from '@nestjs/common';
import { cacheCounts } from '../common/cache-counts';
import { Flights } from '../common/flights';
import type { CursoredPage, PageRequest } from '../common/page';
import { ReadDatabase } from '../common/read-database';
import { type Isrc, parseIsrc } from '../recording/isrc';
import type { Recording } from '../recording/recording';
import {
  type FindAsk,
  RecordingSource,
  type Refetched,
  SourceUnavailableError,
} from '../recording/recording-source';
import { CatalogueSearchRepository, type StoredArtist } from './catalogue-search.repository';
import type { Candidate } from './entities/candidate.entity';
import type { NameQuery } from './name-search';
import type { SaveOutcome } from './save-recordings.query';
import type { TrackDocument } from './track-document';
import type { TrackFilter } from './track-lists.query';
import { TrackDocumentsRepository } from './track-documents.repository';
import { ArtistNotFoundError, RecordingNotFoundError, TrackNotFoundError } from './tracks.errors';
import { type RefreshOutcome, TrackRefresher } from './track-refresher';
import { type SaveOptions, TracksRepository } from './tracks.repository';

/** Spotify's index has been empty for a day and come back: a miss is remembered, but not for ever. */
const MISS_LIFETIME_MS = 10 * 60 * 1000;

/** Tracks of a list that is read to its end. */
const READ_TOGETHER = 200;

/** What became of one entry of a lookup. */
export type LookupResult =
  | { readonly input: string; readonly status: 'found'; readonly isrc: Isrc; readonly track: TrackDocument }
  | { readonly input: string; readonly status: 'missing'; readonly isrc: Isrc; readonly track: null }
  | { readonly input: string; readonly status: 'invalid'; readonly isrc: null; readonly track: null };

/** The rules of tracks: what is asked of the source, when, and what is kept. */
@Injectable()
export class TracksService {
  /** Asked of the source right now; callers who want the same wait for the same answer. */
  private readonly fetches = new Flights<Recording | null>();
  /** Fetched and stored right now; true where the track is new. */
  private readonly landings = new Flights<boolean>();

  constructor(
    private readonly tracks: TracksRepository,
    private readonly documents: TrackDocumentsRepository,
    private readonly reads: ReadDatabase,
    private readonly source: RecordingSource,
    private readonly refresher: TrackRefresher,
  ) {}

  /**
   * The stored track, fetched and stored first where it is not there yet; `isNew` for the one caller who caused that.
   * @param caller aborted when the caller goes: what nobody else waits for is then cancelled
   * @throws RecordingNotFoundError, and what `RecordingSource.findByIsrc` throws
   */
  async addTrack(isrc: Isrc, caller?: AbortSignal): Promise<{ track: TrackDocument; isNew: boolean }> {
    const stored = await this.tracks.findDocument(isrc);
    if (stored !== null) return { track: stored, isNew: false };
    const land = async (signal: AbortSignal) => {
      // Looked at again: another flight may have landed since.
      if ((await this.tracks.findStored([isrc])).has(isrc)) return false;
      if ((await this.findRecentMisses([isrc])).has(isrc)) throw new RecordingNotFoundError(isrc);
      return (await this.fetchAndStore(isrc, { onlyIfStored: false, signal })) === 'created';
    };
    const key = `add ${isrc}`;
    if (this.landings.has(key)) cacheCounts.note('source-calls', 'hit');
    const { result: isNew, isStarter } = await this.landings.join(key, land, caller);
    return { track: await this.getWritten(isrc), isNew: isNew && isStarter };
  }

  /** Null where it is not stored. */
  findTrack(isrc: Isrc): Promise<TrackDocument | null> {
    return this.documents.find(isrc);
  }

  /** @throws TrackNotFoundError */
  async getTrack(isrc: Isrc): Promise<TrackDocument> {
    const track = await this.documents.find(isrc);
    if (track === null) throw new TrackNotFoundError(isrc);
    return track;
  }

  /**
   * Fetches a stored track anew. Where the source no longer has it, what is stored stays.
   * @param caller aborted when the caller goes: what nobody else waits for is then cancelled
   * @throws TrackNotFoundError, RecordingNotFoundError, and what `RecordingSource.findByIsrc` throws
   */
  async refreshTrack(isrc: Isrc, caller?: AbortSignal): Promise<TrackDocument> {
    if (!(await this.tracks.findStored([isrc])).has(isrc)) throw new TrackNotFoundError(isrc);
    const land = async (signal: AbortSignal) => {
      const outcome = await this.refresher.refresh(isrc, signal);
      if (outcome instanceof Error) throw outcome;
      if (outcome === 'not-found') {
        await this.rememberMisses([isrc]);
        throw new RecordingNotFoundError(isrc);
      }
      return false;
    };
    await this.landings.join(`refresh ${isrc}`, land, caller);
    return this.getWritten(isrc);
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
    const missing = [...outcomes].filter(([, outcome]) => outcome === 'not-found').map(([isrc]) => isrc);
    if (missing.length > 0) await this.rememberMisses(missing);
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
    const tracks = await this.documents.findMany([...isrcs]);
    return readings.map(({ input, reading }) => {
      if ('fault' in reading) return { input, status: 'invalid', isrc: null, track: null };
      const track = tracks.get(reading.isrc);
      return track === undefined
        ? { input, status: 'missing', isrc: reading.isrc, track: null }
        : { input, status: 'found', isrc: reading.isrc, track };
    });
  }

  listTracks(filter: TrackFilter, page: PageRequest): Promise<CursoredPage<TrackDocument>> {
    return this.listing((search) => search.listTracks(filter, page));
  }

  /** All tracks of a list, some hundred at a time: what is read is never held for long. */
  async *readTracks(filter: TrackFilter): AsyncGenerator<readonly TrackDocument[]> {
    let cursor: string | undefined;
    do {
      const { items, nextCursor } = await this.listTracks(filter, { limit: READ_TOGETHER, cursor });
      if (items.length > 0) yield items;
      cursor = nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** @throws TrackNotFoundError */
  async listCandidates(isrc: Isrc): Promise<Candidate[]> {
    const candidates = await this.tracks.listCandidates(isrc);
    if (candidates.length === 0) throw new TrackNotFoundError(isrc);
    return candidates;
  }

  listArtists(name: NameQuery | null, page: PageRequest): Promise<CursoredPage<StoredArtist>> {
    return this.listing((search) => search.listArtists(name, page));
  }

  /** @throws ArtistNotFoundError */
  async getArtist(id: string): Promise<StoredArtist> {
    const artist = await this.listing((search) => search.findArtist(id));
    if (artist === null) throw new ArtistNotFoundError();
    return artist;
  }

  /** @throws ArtistNotFoundError */
  async listArtistTracks(id: string, page: PageRequest): Promise<CursoredPage<TrackDocument>> {
    await this.getArtist(id);
    return this.listTracksOfKnown(id, page);
  }

  /** `listArtistTracks` of an artist that was read just now. */
  listTracksOfKnown(id: string, page: PageRequest): Promise<CursoredPage<TrackDocument>> {
    return this.listing((search) => search.listArtistTracks(id, page));
  }

  /** How many stored tracks name each of these artists, in their order. */
  async countTracks(artistIds: readonly string[]): Promise<number[]> {
    const counts = await this.listing((search) => search.countTracks(artistIds));
    return artistIds.map((id) => counts.get(id) ?? 0);
  }

  /** Which of `isrcs` are stored. */
  findStored(isrcs: readonly Isrc[]): Promise<ReadonlySet<Isrc>> {
    return this.tracks.findStored(isrcs);
  }

  /** Which of `isrcs` are stored as they were fetched at this moment or later. */
  findFetchedSince(isrcs: readonly Isrc[], since: Date): Promise<ReadonlySet<Isrc>> {
    return this.tracks.findFetchedSince(isrcs, since);
  }

  /** Which of `isrcs` the source lately did not know: it is not asked for them again so soon. */
  async findRecentMisses(isrcs: readonly Isrc[]): Promise<ReadonlySet<Isrc>> {
    const found = await this.tracks.findRecentMisses(isrcs, new Date());
    cacheCounts.note('misses', 'hit', found.size);
    cacheCounts.note('misses', 'miss', isrcs.length - found.size);
    return found;
  }

  /** Remembers for a while that the source does not know these ISRCs. */
  async rememberMisses(isrcs: readonly Isrc[]): Promise<void> {
    const now = new Date();
    await this.tracks.rememberMisses(isrcs, now, new Date(now.getTime() + MISS_LIFETIME_MS));
  }

  /**
   * What the source has under an ISRC, null where it has nothing; not stored, and no miss remembered. All who ask for it
   * meanwhile, whatever their lane, share one call.
   * @param ask.signal aborted when the caller goes: what nobody else waits for is then cancelled
   * @throws what `RecordingSource.findByIsrc` throws
   */
  async fetchRecording(isrc: Isrc, { lane, signal }: FindAsk): Promise<Recording | null> {
    const join = async (flown: FindAsk['lane']) => {
      const key = `${flown} ${isrc}`;
      cacheCounts.note('source-calls', this.fetches.has(key) ? 'hit' : 'miss');
      return this.fetches.join(
        key,
        (whenNobodyWaits) => this.source.findByIsrc(isrc, { lane: flown, signal: whenNobodyWaits }),
        signal,
      );
    };
    if (lane === 'bulk') {
      return (await join(this.fetches.has(`interactive ${isrc}`) ? 'interactive' : 'bulk')).result;
    }
    if (this.fetches.has(`bulk ${isrc}`)) {
      try {
        return (await join('bulk')).result;
      } catch (error) {
        // Work in the background may have had no leave where somebody who waits has.
        if (!(error instanceof SourceUnavailableError)) throw error;
      }
    }
    return (await join('interactive')).result;
  }

  /** As `RecordingSource.refetch`, of those of `isrcs` that are stored; not stored anew. */
  async refetchRecordings(isrcs: readonly Isrc[], ask: FindAsk): Promise<ReadonlyMap<Isrc, Refetched>> {
    return this.source.refetch(await this.tracks.listKnown(isrcs), ask);
  }

  /**
   * Stores recordings in place of what was stored, in few transactions; with the same end as one by one in this order.
   * `within` runs last in each of them with what became of its recordings, and what it throws undoes them.
   */
  async storeRecordings(
    recordings: readonly Recording[],
    options: SaveOptions,
  ): Promise<Map<Isrc, SaveOutcome>> {
    try {
      return await this.tracks.saveRecordings(recordings, options);
    } finally {
      this.documents.mendSoon();
    }
  }

  /** Reads lists where reads go. */
  private listing<T>(list: (search: CatalogueSearchRepository) => Promise<T>): Promise<T> {
    return this.reads.read((manager) => list(new CatalogueSearchRepository(manager)));
  }

  /** A track that was stored a moment ago, unless another caller removed it. */
  private async getWritten(isrc: Isrc): Promise<TrackDocument> {
    const track = await this.tracks.findDocument(isrc);
    if (track === null) throw new TrackNotFoundError(isrc);
    return track;
  }

  private async fetchAndStore(
    isrc: Isrc,
    { onlyIfStored, signal }: { onlyIfStored: boolean; signal: AbortSignal },
  ): Promise<SaveOutcome> {
    const recording = await this.fetchRecording(isrc, { lane: 'interactive', signal });
    if (recording === null) {
      await this.rememberMisses([isrc]);
      throw new RecordingNotFoundError(isrc);
    }
    return (await this.storeRecordings([recording], { onlyIfStored })).get(isrc) ?? 'gone';
  }
}
