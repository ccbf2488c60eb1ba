import type { Isrc } from '../../../src/recording/isrc';
import type { Recording } from '../../../src/recording/recording';
import {
  RecordingSource,
  SourceError,
  SourceTimeoutError,
  SourceUnavailableError,
} from '../../../src/recording/recording-source';
import { aRecording } from '../../builders/recording';

/** What becomes of a code: `flaky` fails the first time, `broken` always, `deadly` ends the process that asks for it. */
export type Fate = 'found' | 'missing' | 'flaky' | 'broken' | 'deadly';

/** The end of a process: whatever it had under way goes no further. */
export class KilledError extends Error {
  override readonly name = 'KilledError';
}

/** What all processes meet at the source. */
export interface Fates {
  readonly of: ReadonlyMap<Isrc, Fate>;
  /** How often each code was asked for. */
  readonly calls: Map<Isrc, number>;
}

const LONGEST_ANSWER_MS = 180;
const HOLD_PORTION = 0.05;
const LONGEST_HOLD_SECONDS = 8;

/** A source of which one process asks: what it has and how it fails follows from the seed. */
export class FateSource extends RecordingSource {
  override readonly name = 'sample';

  constructor(
    private readonly fates: Fates,
    private readonly random: () => number,
    private readonly sleep: (ms: number) => Promise<void>,
    private readonly kill: (isrc: Isrc) => void,
  ) {
    super();
  }

  override async findByIsrc(isrc: Isrc): Promise<Recording | null> {
    const calls = (this.fates.calls.get(isrc) ?? 0) + 1;
    this.fates.calls.set(isrc, calls);
    await this.sleep(this.random() * LONGEST_ANSWER_MS);
    if (this.random() < HOLD_PORTION)
      throw new SourceUnavailableError('wait', this.random() * LONGEST_HOLD_SECONDS);
    switch (this.fates.of.get(isrc) ?? 'found') {
      case 'missing':
        return null;
      case 'flaky':
        if (calls === 1) throw new SourceTimeoutError('slow');
        break;
      case 'broken':
        throw new SourceError('nonsense');
      case 'deadly':
        this.kill(isrc);
        throw new KilledError('killed by a row');
      case 'found':
    }
    return recordingOf(isrc);
  }

  override refetch() {
    return Promise.resolve(new Map());
  }

  override report() {
    return Promise.resolve({ state: 'ok' as const });
  }
}

/** Codes of one registrant share album and artist, so that writers meet in these rows. */
export function recordingOf(isrc: Isrc): Recording {
  return aRecording({
    isrc,
    id: `t-${isrc}`,
    title: `Title ${isrc}`,
    album: { ...aRecording().chosen.album, id: `al-${isrc.slice(2, 5)}` },
    artists: [{ id: `ar-${isrc.slice(2, 5)}`, name: 'Artist', url: 'https://a.example' }],
  });
}
