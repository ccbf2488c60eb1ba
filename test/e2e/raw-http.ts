import { connect } from 'node:net';

/** An answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const PATIENCE_MS = 5_000;

/**
 * Sends bytes that no HTTP client would, each part when the one before is out, and reads until the server closes or
 * has been silent for `quietMs` after its first answer.
 */
export function sendRaw(
  url: string,
  parts: readonly (string | Buffer)[],
  { quietMs = 150 }: { readonly quietMs?: number } = {},
): Promise<{ answers: RawAnswer[]; isClosed: boolean }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const chunks: Buffer[] = [];
    let timer = setTimeout(() => {
      finish(false);
    }, PATIENCE_MS);
    const finish = (isClosed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers: parseAnswers(Buffer.concat(chunks)), isClosed });
    };
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(() => {
        finish(false);
      }, quietMs);
    });
    socket.on('end', () => {
      finish(true);
    });
    socket.on('error', () => {
      finish(true);
    });
    socket.on('connect', () => {
      for (const part of parts) socket.write(part);
    });
  });
}

function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = bytes.toString('latin1'); rest.startsWith('HTTP/1.1 ');) {
    const headEnd = rest.indexOf('\r\n\r\n');
    const [first = '', ...lines] = rest.slice(0, headEnd).split('\r\n');
    const headers = new Headers(
      lines.map((line): [string, string] => [
        line.slice(0, line.indexOf(':')),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const length = Number(headers.get('content-length') ?? 0);
    const bodyAt = headEnd + 4;
    const text = Buffer.from(rest.slice(bodyAt, bodyAt + length), 'latin1').toString('utf8');
    answers.push({ status: Number(first.split(' ')[1]), headers, text });
    rest = rest.slice(bodyAt + length);
  }
  return answers;
}
