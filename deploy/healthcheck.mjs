/**
 * Asks the server of this container for its health: exit code 0 where it answers 200, else 1.
 * `node healthcheck.mjs live` (the process serves), or `ready` (it should get traffic: database and schema too).
 */
const path = process.argv[2] === 'ready' ? '/health/ready' : '/health/live';
const { HOST = '', PORT = '3000' } = process.env;
// Listening on every interface, it is reached on this machine's own.
const host = ['', '0.0.0.0', '::'].includes(HOST) ? '127.0.0.1' : HOST.includes(':') ? `[${HOST}]` : HOST;
try {
  const { status } = await fetch(`http://${host}:${PORT}${path}`, { signal: AbortSignal.timeout(2_500) });
  process.exitCode = status === 200 ? 0 : 1;
} catch {
  process.exitCode = 1;
}
