import { isIsrc, type Isrc, parseIsrc } from '../../recording/isrc';
import type { FileRow } from './file-row';
import type { IsrcSet } from './isrc-set';

/** NUL, and what may be half a character. */
const UNSTORABLE = /[\0\ud800-\udfff]/;

/** A row as it goes into the ledger. */
export interface JudgedRow {
  readonly line: number;
  readonly input: string;
  readonly isrc: Isrc | null;
  readonly status: 'pending' | 'duplicate' | 'invalid';
  readonly problem: string | null;
}

/** What is kept of an input; longer ones are no code anyway. */
const KEPT_CHARACTERS = 500;
/** A text as long holds no list of codes that somebody meant. */
const LOOKED_AT_CHARACTERS = 2000;

/** Judges a row: a code, one that `seen` has already, or none, and why. */
export function judgeRow({ line, input, fault }: FileRow, seen: IsrcSet): JudgedRow {
  const kept = keep(input);
  const invalid = (why: string) =>
    ({ line, input: kept, isrc: null, status: 'invalid', problem: `invalid-isrc: ${why}` }) as const;
  if (fault !== undefined) return invalid(fault);
  const reading = isIsrc(input) ? { isrc: input } : parseIsrc(input); // most are in canonical form already
  if ('fault' in reading) {
    const codes = countCodes(input);
    return invalid(codes > 1 ? `it holds ${codes} codes: give each a row of its own` : reading.fault);
  }
  const { isrc } = reading;
  const status = seen.add(isrc) ? 'pending' : 'duplicate';
  return { line, input: kept, isrc, status, problem: null };
}

function countCodes(input: string): number {
  if (input.length > LOOKED_AT_CHARACTERS) return 0;
  const counts = [/[,;|/&+\r\n\t]+/, /[,;|/&+\s]+/].map(
    (separator) => input.split(separator).filter((part) => 'isrc' in parseIsrc(part)).length,
  );
  return Math.max(...counts);
}

/** As it was, cut, and without what a database refuses: NUL, and halves of surrogate pairs. */
function keep(input: string): string {
  const cut = input.length > KEPT_CHARACTERS ? `${input.slice(0, KEPT_CHARACTERS)}…` : input;
  return UNSTORABLE.test(cut) ? Buffer.from(cut.replaceAll('\0', '\ufffd'), 'utf8').toString('utf8') : cut;
}
