import accepts from 'accepts';
import type { IncomingMessage } from 'node:http';

/** JSON and text are sent in UTF-8: whoever asks for that asks for nothing more. */
const UTF_8 = /;\s*charset\s*=\s*"?utf-8"?/gi;

/** Which of these media types the caller likes best, of equals the first; null where none will do (RFC 9110, section 12.5.1). */
export function preferredType(
  { headers }: Pick<IncomingMessage, 'headers'>,
  types: readonly string[],
): string | null {
  const accept = headers.accept?.replace(UTF_8, '');
  const best = accepts({ headers: accept === undefined ? {} : { accept } } as IncomingMessage).type([
    ...types,
  ]);
  return typeof best === 'string' ? best : null;
}
