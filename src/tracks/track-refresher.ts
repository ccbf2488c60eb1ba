import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Isrc } from '../recording/isrc';
import type { Recording } from '../recording/recording';
import { type FindAsk, RecordingSource, SourceUnavailableError } from '../recording/recording-source';
import { TracksRepository } from './tracks.repository';

/** Refreshes that come within this time of each other go together; beside a call to the source nobody notices it. */
const GATHER_MS = 5;

/** What became of one refresh; an error where it failed. */
export type RefreshOutcome = 'refreshed' | 'not-stored' | 'not-found' | Error;

type Outcomes = ReadonlyMap<Isrc, RefreshOutcome>;

interface Batch {
  readonly members: Map<Isrc, AbortSignal>;
  readonly landing: Promise<Outcomes>;
}

/** Fetches stored tracks anew, many by one call where the source can do that. Where it no longer has one, what is stored stays. */
@Injectable()
export class TrackRefresher {
  /** Takes in those who come now. */
  private gathering: Batch | null = null;
  /** Those who come while one is on its way go together after it. */
  private onItsWay: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly tracks: TracksRepository,
    private readonly source: RecordingSource,
  ) {}

  /** Refreshes one track for somebody who waits: with others who come meanwhile, or alone by a search, which finds new candidates. */
  async refresh(isrc: Isrc, signal: AbortSignal): Promise<RefreshOutcome> {
    this.gathering ??= this.gather();
    const { members, landing } = this.gathering;
    members.set(isrc, signal);
    return (await landing).get(isrc) ?? this.findAnew(isrc, { lane: 'interactive', signal });
  }

  /** Refreshes many. What one of them meets is its outcome and stops no other; the order is that of `isrcs`. */
  async refreshAll(isrcs: readonly Isrc[], ask: FindAsk): Promise<Outcomes> {
    const together = await this.refetch(isrcs, ask);
    const outcomes = new Map<Isrc, RefreshOutcome>();
    let unavailable: SourceUnavailableError | null = null;
    for (const isrc of new Set(isrcs)) {
      // Where one may not be asked for now, the next may not either.
      const outcome: RefreshOutcome = together.get(isrc) ?? unavailable ?? (await this.findAnew(isrc, ask));
      outcomes.set(isrc, outcome);
      if (outcome instanceof SourceUnavailableError) unavailable = outcome;
    }
    return outcomes;
  }

  private gather(): Batch {
    const members = new Map<Isrc, AbortSignal>();
    const depart = async (): Promise<Outcomes> => {
      await Promise.all([sleep(GATHER_MS), this.onItsWay]);
      this.gathering = null;
      const waiting = [...members].filter(([, signal]) => !signal.aborted);
      if (waiting.length < 2) return new Map();
      const together = this.refetch(
        waiting.map(([isrc]) => isrc),
        { lane: 'interactive', signal: whenAllAreGone(waiting.map(([, signal]) => signal)) },
      );
      this.onItsWay = together.catch(() => undefined);
      return together;
    };
    return { members, landing: depart() };
  }

  /** The outcomes of those that the source tells together, and of those that are not stored; the others are left out. */
  private async refetch(isrcs: readonly Isrc[], ask: FindAsk): Promise<Outcomes> {
    const known = await this.tracks.listKnown(isrcs);
    const stored = new Set(known.map(({ isrc }) => isrc));
    const outcomes = new Map<Isrc, RefreshOutcome>();
    for (const isrc of isrcs) if (!stored.has(isrc)) outcomes.set(isrc, 'not-stored');
    const recordings: Recording[] = [];
    for (const [isrc, answer] of await this.source.refetch(known, ask)) {
      if (answer instanceof Error) outcomes.set(isrc, answer);
      else recordings.push(answer);
    }
    for (const [isrc, outcome] of await this.save(recordings)) outcomes.set(isrc, outcome);
    return outcomes;
  }

  private async findAnew(isrc: Isrc, ask: FindAsk): Promise<RefreshOutcome> {
    try {
      const recording = await this.source.findByIsrc(isrc, ask);
      if (recording === null) return 'not-found';
      return (await this.save([recording])).get(isrc) ?? 'not-stored';
    } catch (error) {
      return toError(error);
    }
  }

  private async save(recordings: readonly Recording[]): Promise<Outcomes> {
    try {
      const saved = await this.tracks.saveRecordings(recordings, { onlyIfStored: true });
      return new Map(
        [...saved].map(([isrc, outcome]) => [isrc, outcome === 'gone' ? 'not-stored' : 'refreshed'] as const),
      );
    } catch (error) {
      const failure = toError(error);
      return new Map(recordings.map(({ isrc }) => [isrc, failure] as const));
    }
  }
}

function whenAllAreGone(signals: readonly AbortSignal[]): AbortSignal {
  const gone = new AbortController();
  let left = signals.length;
  for (const signal of signals) {
    const leave = () => {
      left -= 1;
      if (left === 0) gone.abort(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
  }
  return gone.signal;
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('a refresh failed', { cause: thrown });
}
