import type { Isrc } from '../../recording/isrc';

const EMPTY = -1;
const FIRST_CAPACITY = 1024;

/**
 * The codes of one file, to tell duplicates: a code is a number below 2^53, kept in an open-addressed table of 16 to 32 bytes
 * for each. A `Set` of a million strings takes ten times as much.
 */
export class IsrcSet {
  private slots = new Float64Array(FIRST_CAPACITY).fill(EMPTY);
  private size = 0;

  /** False where it was there already. */
  add(isrc: Isrc): boolean {
    if (this.size * 2 >= this.slots.length) this.grow();
    const isNew = place(this.slots, numberOf(isrc));
    if (isNew) this.size += 1;
    return isNew;
  }

  private grow(): void {
    const larger = new Float64Array(this.slots.length * 2).fill(EMPTY);
    for (const code of this.slots) if (code !== EMPTY) place(larger, code);
    this.slots = larger;
  }
}

function place(slots: Float64Array, code: number): boolean {
  const mask = slots.length - 1;
  // The low half times a large odd number, folded: serial numbers in a row do not land in a row.
  let at = (Math.imul(code % 0x1_0000_0000, 0x9e37_79b1) ^ Math.floor(code / 0x1_0000_0000)) >>> 0;
  at = (at ^ (at >>> 15)) & mask;
  while (slots[at] !== EMPTY) {
    if (slots[at] === code) return false;
    at = (at + 1) & mask;
  }
  slots[at] = code;
  return true;
}

/** Two letters, three letters or digits, seven digits: 26² × 36³ × 10⁷ < 2⁵³ numbers. */
function numberOf(isrc: Isrc): number {
  return parseInt(isrc.slice(0, 5), 36) * 10_000_000 + Number(isrc.slice(5));
}
