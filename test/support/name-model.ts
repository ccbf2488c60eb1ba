/** The rules of name search (api.md section 4) in plain JavaScript, written apart from `src/tracks/name-search.ts`. */

/** Without case, accents, width; blanks evened out. */
export function fold(text: string): string {
  let folded = '';
  for (const character of text.normalize('NFKD').toLowerCase().normalize('NFKD')) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x300 || code > 0x36f) folded += character;
  }
  const spelled: Record<string, string> = {
    ß: 'ss',
    æ: 'ae',
    œ: 'oe',
    ø: 'o',
    ł: 'l',
    ς: 'σ',
    ð: 'd',
    þ: 'th',
    '’': "'",
  };
  return Array.from(folded, (character) => spelled[character] ?? character)
    .join('')
    .normalize('NFC')
    .split(/\s+/u)
    .filter((word) => word !== '')
    .join(' ');
}

/** Whether each word of the query is in the name: as a start of a word, or inside one where it is long enough. */
export function isFoundBy(name: string, query: string): boolean {
  return fold(query)
    .split(' ')
    .every((word) =>
      fold(name)
        .split(' ')
        .some((other) => isWordIn(other, word)),
    );
}

function isWordIn(nameWord: string, word: string): boolean {
  const length = Array.from(word).length;
  const isCjk = /[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]/u.test(word);
  if (length >= (isCjk ? 2 : 3)) return nameWord.includes(word);
  for (let at = nameWord.indexOf(word); at >= 0; at = nameWord.indexOf(word, at + 1)) {
    const before = Array.from(nameWord.slice(0, at)).at(-1);
    const isLetter = (text: string | undefined) => text !== undefined && /^[\p{L}\p{N}\p{M}]/u.test(text);
    if (!isLetter(before) || !isLetter(word)) return true;
  }
  return false;
}

/** Exact names first, then names that begin with the query, then the rest; then by name, by code point, then id. */
export function inOrderFor(query: string, names: readonly { id: string; name: string }[]): string[] {
  const fit = (name: string) => (name === fold(query) ? 0 : name.startsWith(fold(query)) ? 1 : 2);
  const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  return names
    .map(({ id, name }) => ({ id, folded: fold(name) }))
    .sort((a, b) => fit(a.folded) - fit(b.folded) || compare(a.folded, b.folded) || compare(a.id, b.id))
    .map(({ id }) => id);
}
