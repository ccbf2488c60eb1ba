/** An API token (longer than the hint that is kept of one), and a JWT: header, claims, signature. */
const TOKENS = /\bdwx_[0-9A-Za-z]{9,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;
const REDACTED = '[redacted]';

/**
 * The last net for a log line on its way out: whatever wrote it, and wherever a caller put a secret (a path, a header
 * that is echoed), no token and none of `secrets` leaves by it.
 */
export function redactorOf(secrets: readonly (string | null | undefined)[]): (line: string) => string {
  // As they stand within JSON.
  const known = secrets.flatMap((secret) => (secret ? [JSON.stringify(secret).slice(1, -1)] : []));
  return (line) => {
    // Most lines hold neither, which is found out in a tenth of the time.
    const rest = line.includes('dwx_') || line.includes('eyJ') ? line.replace(TOKENS, REDACTED) : line;
    return known.reduce((text, secret) => text.replaceAll(secret, REDACTED), rest);
  };
}
