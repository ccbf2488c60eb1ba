import { Inject, Injectable, Logger } from '@nestjs/common';
import { AppError } from '../common/app-error';
import { chooseTrack } from '../recording/choose-track';
import type { Isrc } from '../recording/isrc';
import { type KnownRecording, type Refetched, SourceError } from '../recording/recording-source';
import { SpotifyCounters } from './spotify-counters';
import type { SpotifyAsk } from './spotify-gate';
import { REFUSED, SpotifyHttp } from './spotify-http';
import { readBatch, type SearchHit } from './spotify-responses';
import { SPOTIFY_CLOCK, SPOTIFY_TICKS, type SpotifyClock } from './spotify-settings';

/** The most ids that one call may ask for (spotify-api.md 3). */
const IDS_A_CALL = 50;

/** An application that is in development mode may be granted another, which takes weeks: a call a day finds out. */
const ASK_AGAIN_MS = 86_400_000;

/** One id of another form fails the whole call (spotify-api.md 3). */
const ID = /^[0-9A-Za-z]{22}$/;

/**
 * Refetches many tracks by one call, which extended mode allows and development mode refuses. Which of the two it is, the
 * first batch finds out.
 */
@Injectable()
export class SpotifyBatches {
  private readonly logger = new Logger(SpotifyBatches.name);
  private known: 'unknown' | 'allowed' | 'refused' = 'unknown';
  private askAgainMs = 0;

  constructor(
    private readonly http: SpotifyHttp,
    private readonly counters: SpotifyCounters,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
    @Inject(SPOTIFY_TICKS) private readonly ticks: SpotifyClock,
  ) {}

  /** `unknown` until the first batch. */
  get state(): 'unknown' | 'allowed' | 'refused' {
    return this.known;
  }

  /** As `RecordingSource.refetch`; `nextAsk` gives the terms of each call in turn. */
  async refetch(
    known: readonly KnownRecording[],
    nextAsk: () => SpotifyAsk,
  ): Promise<ReadonlyMap<Isrc, Refetched>> {
    const found = new Map<Isrc, Refetched>();
    let unavailable: AppError | null = null;
    for (const part of partsOf(known)) {
      // One by one is as cheap, and finds new tracks as well.
      if (part.length < 2 || (this.known === 'refused' && this.ticks() < this.askAgainMs)) continue;
      try {
        if (unavailable !== null) throw unavailable;
        for (const [isrc, recording] of await this.refetchPart(part, nextAsk())) found.set(isrc, recording);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        // What cannot be read may be readable one by one; what cannot be sent now, or in time, waits.
        if (error instanceof SourceError) continue;
        unavailable = error;
        for (const { isrc } of part) found.set(isrc, error);
      }
    }
    return found;
  }

  private async refetchPart(
    part: readonly KnownRecording[],
    ask: SpotifyAsk,
  ): Promise<ReadonlyMap<Isrc, Refetched>> {
    const ids = part.flatMap(({ candidateIds }) => candidateIds);
    const body = await this.http.getIfAllowed('/tracks', { ids: ids.join(',') }, ask);
    this.note(body !== REFUSED);
    if (body === REFUSED) return new Map();
    this.counters.countBatch(ids.length);
    const hits = readBatch(body);
    return new Map(
      part.flatMap((each) => {
        const recording = this.choose(each, hits);
        return recording === null ? [] : [[each.isrc, recording] as const];
      }),
    );
  }

  /** Null where none of its tracks is left under its code: a tombstone is no track. */
  private choose({ isrc, candidateIds, market }: KnownRecording, hits: readonly SearchHit[]) {
    const ids = new Set(candidateIds);
    const tracks = hits.flatMap((hit) => ('track' in hit && ids.has(hit.id) ? [hit.track] : []));
    return chooseTrack(isrc, tracks, { source: 'spotify', fetchedAt: new Date(this.now()), market });
  }

  private note(isAllowed: boolean): void {
    const before = this.known;
    this.known = isAllowed ? 'allowed' : 'refused';
    if (!isAllowed) this.askAgainMs = this.ticks() + ASK_AGAIN_MS;
    if (before === this.known) return;
    if (isAllowed) this.logger.log('Spotify answers for many tracks at once: refreshes go in batches of 50.');
    else
      this.logger.warn(
        'Spotify refuses to answer for many tracks at once, as it does in development mode: refreshes go one by one, a call each.',
      );
  }
}

/** Whole recordings, as many together as one call may ask for. Those with too many tracks, or ids of another form, are left out. */
function partsOf(known: readonly KnownRecording[]): KnownRecording[][] {
  const parts: KnownRecording[][] = [];
  let room = 0;
  for (const each of known) {
    const { length } = each.candidateIds;
    if (length === 0 || length > IDS_A_CALL || !each.candidateIds.every((id) => ID.test(id))) continue;
    if (length > room) {
      parts.push([]);
      room = IDS_A_CALL;
    }
    parts.at(-1)?.push(each);
    room -= length;
  }
  return parts;
}
