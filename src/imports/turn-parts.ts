import type { TracksService } from '../tracks/tracks.service';
import type { FetchPace } from './fetch-pace';
import type { ImportLedgerRepository } from './import-ledger.repository';
import type { RowTally } from './row-tally';
import type { ImportClock, ImportTimes } from './import-times';

/** What a turn works with. */
export interface TurnParts {
  readonly ledger: ImportLedgerRepository;
  readonly tracks: Pick<
    TracksService,
    | 'findStored'
    | 'findFetchedSince'
    | 'findRecentMisses'
    | 'fetchRecording'
    | 'refetchRecordings'
    | 'storeRecordings'
    | 'rememberMisses'
  >;
  readonly pace: FetchPace;
  readonly times: ImportTimes;
  readonly clock: ImportClock;
  readonly tally: RowTally;
  /** Told of what nobody foresaw. */
  readonly onDefect: (error: unknown) => void;
}
