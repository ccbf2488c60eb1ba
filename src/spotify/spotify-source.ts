import { Inject, Injectable, Logger } from '@nestjs/common';
import { chooseTrack } from '../recording/choose-track';
import type { Isrc } from '../recording/isrc';
import type { Recording, SourceTrack } from '../recording/recording';
import {
  type FindAsk,
  type KnownRecording,
  RecordingSource,
  type Refetched,
  type SourceReport,
} from '../recording/recording-source';
import { SpotifyBatches } from './spotify-batches';
import { SpotifyCounters, type SpotifyCounts } from './spotify-counters';
import { type SpotifyAsk, SpotifyGate } from './spotify-gate';
import { SpotifyHttp } from './spotify-http';
import { readSearch, type SearchHit } from './spotify-responses';
import type { BudgetReport } from './spotify-budget';
import {
  SPOTIFY_CLOCK,
  SPOTIFY_SETTINGS,
  SPOTIFY_TICKS,
  type SpotifyClock,
  type SpotifySettings,
} from './spotify-settings';
import { SpotifyWatch, type WatchReport } from './spotify-watch';

/** The most that development mode allows; sent always, because the default is 5 (spotify-api.md 2.1). */
const PAGE_SIZE = 10;

/** `limit + offset` may not pass 1000. */
const LAST_OFFSET = 990;

/** How long the first call of a find may wait for leave: callers are told at once when it will be longer. */
const PATIENCE_MS = 2000;

/** How long a find may wait in all: what its first calls have cost should not be thrown away for a short wait. */
const FIND_DEADLINE_MS = 30_000;

/** How long health waits for the budget's figures: they are in the database, which may hang. */
const REPORT_TIMEOUT_MS = 400;

/** Every figure that health and metrics show: plain data, ready for JSON. */
export interface SpotifyReport extends SourceReport, WatchReport {
  readonly window?: BudgetReport['window'];
  readonly day?: BudgetReport['day'];
  /** Null while there is none; `seconds` are what is left of it. */
  readonly cooldown?: {
    readonly until: string;
    readonly seconds: number;
    readonly reason: 'rate-limited' | 'quota';
  } | null;
  /** In place of window, day and cooldown where the database does not tell. */
  readonly budget?: 'unknown';
  /** Whether Spotify answers for many tracks at once. */
  readonly batches: SpotifyBatches['state'];
  readonly counts: SpotifyCounts;
}

/** Finds recordings by Spotify's search. */
@Injectable()
export class SpotifySource extends RecordingSource {
  readonly name = 'spotify';
  private readonly logger = new Logger(SpotifySource.name);

  constructor(
    private readonly http: SpotifyHttp,
    private readonly gate: SpotifyGate,
    private readonly watch: SpotifyWatch,
    private readonly batches: SpotifyBatches,
    private readonly counters: SpotifyCounters,
    @Inject(SPOTIFY_SETTINGS) private readonly settings: SpotifySettings,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
    @Inject(SPOTIFY_TICKS) private readonly ticks: SpotifyClock,
  ) {
    super();
  }

  /** Asks without a market first, then in each configured one until something is found: some codes live in one country. */
  async findByIsrc(isrc: Isrc, ask: FindAsk): Promise<Recording | null> {
    const nextAsk = this.beginAsk(ask);
    for (const market of [null, ...this.settings.markets]) {
      const tracks = await this.search(isrc, market, nextAsk);
      const finding = { source: this.name, fetchedAt: new Date(this.now()), market } as const;
      const recording = chooseTrack(isrc, tracks, finding);
      if (recording) return recording;
    }
    return null;
  }

  /** By ids, fifty tracks a call, where Spotify allows that; nothing where it does not. */
  refetch(known: readonly KnownRecording[], ask: FindAsk): Promise<ReadonlyMap<Isrc, Refetched>> {
    return this.batches.refetch(known, this.beginAsk(ask));
  }

  async report(): Promise<SpotifyReport> {
    const watched = this.watch.report();
    const budget = await this.describeBudget();
    const { api, accounts } = watched.breakers;
    const isSpent = budget !== null && budget.day.limit !== null && budget.day.used >= budget.day.limit;
    const isOk = !budget?.cooldown && !isSpent && api === 'closed' && accounts === 'closed' && !watched.fault;
    return {
      state: isOk ? 'ok' : 'degraded',
      ...(budget ?? { budget: 'unknown' }),
      ...watched,
      batches: this.batches.state,
      counts: this.counters.report(),
    };
  }

  /** Null where the database does not tell. */
  private async describeBudget() {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, REPORT_TIMEOUT_MS, null);
    });
    const told = this.gate.describe().then(
      ({ window, day, cooldown, bulkCallsPerMinute }) => ({
        bulkCallsPerMinute,
        window,
        day,
        cooldown: cooldown && {
          until: new Date(cooldown.untilMs).toISOString(),
          seconds: Math.max(0, Math.ceil((cooldown.untilMs - this.now()) / 1000)),
          reason: cooldown.reason,
        },
      }),
      () => null,
    );
    return Promise.race([told, late]).finally(() => {
      clearTimeout(timer);
    });
  }

  /** The asks of one find, call by call: the first is impatient. */
  private beginAsk(ask: FindAsk): () => SpotifyAsk {
    const nowMs = this.ticks();
    const deadlineMs = nowMs + FIND_DEADLINE_MS;
    let leaveByMs = nowMs + PATIENCE_MS;
    return () => {
      const next = { ...ask, leaveByMs, deadlineMs };
      leaveByMs = deadlineMs;
      return next;
    };
  }

  /** All tracks under the code. Full pages are followed whatever `total` and `next` say: both are wrong at times. */
  private async search(isrc: Isrc, market: string | null, nextAsk: () => SpotifyAsk): Promise<SourceTrack[]> {
    const hits: SearchHit[] = [];
    const seen = new Set<string>();
    let offset = 0;
    for (let page = 1; page <= this.settings.maxPages && offset <= LAST_OFFSET; page += 1) {
      const found = readSearch(await this.http.get('/search', queryOf(isrc, market, offset), nextAsk()));
      const known = seen.size;
      hits.push(...found.filter(({ id }) => id === null || (!seen.has(id) && seen.add(id))));
      if (found.length < PAGE_SIZE || seen.size === known) break;
      offset += PAGE_SIZE;
    }
    return this.verified(isrc, hits);
  }

  /** The tracks that carry the code themselves; the log tells what was left out and why. */
  private verified(isrc: Isrc, hits: readonly SearchHit[]): SourceTrack[] {
    const tracks: SourceTrack[] = [];
    const leftOut: string[] = [];
    for (const hit of hits) {
      if ('fault' in hit) leftOut.push(`${hit.id ?? 'no id'} (${hit.fault})`);
      else if (hit.track.isrc !== isrc) leftOut.push(`${hit.track.id} (carries ${hit.track.isrc})`);
      else tracks.push(hit.track);
    }
    if (leftOut.length > 0) {
      this.logger.warn(
        `${isrc}: ${leftOut.length} of ${hits.length} hits left out: ${leftOut.slice(0, 10).join(', ')}`,
      );
    }
    return tracks;
  }
}

function queryOf(isrc: Isrc, market: string | null, offset: number): Record<string, string> {
  return {
    q: `isrc:${isrc}`,
    type: 'track',
    limit: `${PAGE_SIZE}`,
    offset: `${offset}`,
    ...(market === null ? {} : { market }),
  };
}
