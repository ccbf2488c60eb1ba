/** Beats remembered: a replica further behind than this many is behind enough. */
const REMEMBERED = 120;

/**
 * How far a replica is behind, told by beats that the writer counts: no clock of another machine matters. Pure.
 */
export class BeatLog {
  private readonly seen: { readonly beat: number; readonly atMs: number }[] = [];

  /** The writer was seen to be at this beat, by a look that began at `atMs`. */
  note(beat: number, atMs: number): void {
    this.seen.push({ beat, atMs });
    if (this.seen.length > REMEMBERED) this.seen.shift();
  }

  /** Milliseconds before `nowMs` up to which a database at this beat has everything; null where that is not known. */
  lagOf(beat: number, nowMs: number): number | null {
    const last = this.seen.findLast((each) => each.beat <= beat);
    return last === undefined ? null : nowMs - last.atMs;
  }
}
