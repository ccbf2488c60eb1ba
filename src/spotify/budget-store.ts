import { emptyLearner } from './budget-learner';
import { type BudgetState, emptyBudget, type LoggedCall } from './budget-state';

const FORM = 1;
const FATES = ['open', 'ok', 'refused', 'failed'] as const satisfies LoggedCall['fate'][];

/** A call of the log: milliseconds since the one before, milliseconds until it leaves, fate and lane as one digit. */
type StoredCall = readonly [sincePreviousMs: number, staysMs: number, fateAndLane: number];

/** The state as its column has it: the log as short numbers, so that 2,000 calls stay within MariaDB's 64 KiB of text. */
export interface StoredBudget extends Omit<BudgetState, 'log'> {
  /** Which form this is; a later version may store another. */
  readonly form: number;
  readonly log: readonly StoredCall[];
}

/** The state as it is stored. */
export function toStored(state: BudgetState): StoredBudget {
  let previousMs = 0;
  const log = state.log.map(({ atMs, leavesAtMs, lane, fate }): StoredCall => {
    const sincePreviousMs = atMs - previousMs;
    previousMs = atMs;
    return [sincePreviousMs, leavesAtMs - atMs, FATES.indexOf(fate) * 2 + (lane === 'bulk' ? 1 : 0)];
  });
  return { ...state, form: FORM, log };
}

/** The state that was stored; an empty one where another version of this service stored it in another form. */
export function fromStored(stored: StoredBudget): BudgetState {
  const { form, log: calls, ...rest } = stored;
  if (form !== FORM) return emptyBudget();
  let atMs = 0;
  const log = calls.map(([sincePreviousMs, staysMs, fateAndLane]): LoggedCall => {
    atMs += sincePreviousMs;
    const lane = fateAndLane % 2 === 1 ? 'bulk' : 'interactive';
    return { atMs, leavesAtMs: atMs + staysMs, lane, fate: FATES[fateAndLane >> 1] ?? 'failed' };
  });
  // What an earlier version did not store yet begins as in an empty budget: cooldown and counts outlive an update.
  const { lanes } = emptyBudget();
  return {
    ...rest,
    log,
    day: rest.day.map((bucket) => ({ ...bucket, bulk: (bucket as { bulk?: number }).bulk ?? 0 })),
    lanes: {
      interactive: { ...lanes.interactive, ...rest.lanes.interactive },
      bulk: { ...lanes.bulk, ...rest.lanes.bulk },
    },
    learner: { ...emptyLearner(), ...rest.learner },
  };
}
