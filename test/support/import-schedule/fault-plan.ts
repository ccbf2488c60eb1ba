/** What befalls a call to the database, or the process that makes it. */
export type Fault =
  | 'kill before'
  | 'kill after'
  | 'answer lost'
  | 'cut off'
  | 'slow'
  | 'frozen'
  | 'clock step'
  | 'stop'
  | 'commit refused'
  | 'commit untold'
  | 'deadlock';

/** How often which comes, in a hundred calls. */
const ON_CALLS: readonly (readonly [Fault, number])[] = [
  ['kill before', 1.5],
  ['kill after', 1.5],
  ['answer lost', 1.5],
  ['cut off', 1],
  ['slow', 2],
  ['frozen', 1],
  ['clock step', 1.5],
  ['stop', 1],
];
const ON_COMMITS: readonly (readonly [Fault, number])[] = [
  ['commit refused', 2],
  ['commit untold', 2],
  ['deadlock', 2],
];

/** So many faults a schedule has: then they are over, and the work has to come to its end. */
export class FaultPlan {
  /** When the last one came. */
  lastAtMs = 0;

  constructor(
    private left: number,
    private readonly nowMs: () => number,
  ) {}

  onCall(random: () => number): Fault | null {
    return this.draw(ON_CALLS, random);
  }

  onCommit(random: () => number): Fault | null {
    return this.draw(ON_COMMITS, random);
  }

  private draw(faults: readonly (readonly [Fault, number])[], random: () => number): Fault | null {
    let drawn = random() * 100;
    for (const [fault, weight] of faults) {
      drawn -= weight;
      if (drawn >= 0) continue;
      if (this.left === 0) return null;
      this.left -= 1;
      this.lastAtMs = this.nowMs();
      return fault;
    }
    return null;
  }
}
