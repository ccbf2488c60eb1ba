/** A process of its own: `write-rows.ts FOLDER FROM TO` writes the rows that a search reads, of tracks FROM … TO - 1, as files. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { endingsOf, gramsOf, normaliseName } from '../../src/tracks/name-search';
import { placeOf, toWordRows, wordOfKey } from '../../src/tracks/track-entry';
import { artistAt, artistPlacesOf, isrcAt } from '../lib/catalogue';
import { trackTitle } from '../lib/names';
import { hash } from '../lib/random';
import { SEARCH_TABLES, type SearchTable } from './search-tables';

const CHUNK = 1 << 20;

const [folder = '.', from = '0', to = '0'] = process.argv.slice(2);
const files = new Map(
  SEARCH_TABLES.map((name) => [
    name,
    { handle: openSync(join(folder, `${name}-${from}.tsv`), 'w'), text: '' },
  ]),
);
/** Words and names that this process has written already. */
const known = new Set<string>();
const artists = new Map<number, { id: string; nameNorm: string }>();

for (let n = Number(from); n < Number(to); n += 1) writeTrack(n);
for (const file of files.values()) {
  writeSync(file.handle, file.text);
  closeSync(file.handle);
}

function writeTrack(n: number): void {
  const isrc = isrcAt(n);
  const title = trackTitle(n);
  const titleNorm = normaliseName(title);
  const sortRank = 100 - Math.floor(100 * (hash(5, n) / 2 ** 32) ** 2);
  const { artistNumbers } = artistPlacesOf(n);
  const credited = artistNumbers.map(writeArtist);
  write('track', [
    isrc, title, titleNorm, 'album', 1000, 0, 100 - sortRank, sortRank, 1, 1, null, null, 'spotify', isrc, 'https://t.example',
    1, 'only-match', 1, null, 1, 1, null, null,
  ]); // prettier-ignore
  credited.forEach(({ id }, position) => {
    write('track_artist', [isrc, position, id, sortRank]);
  });
  const entry = { isrc, sortRank, title: titleNorm, artists: credited.map(({ nameNorm }) => nameNorm) };
  for (const row of toWordRows(entry)) {
    write('track_word', [row.word, placeOf(entry), row.title, row.artists?.replaceAll('\n', '\\n') ?? null]);
    const word = wordOfKey(row.word);
    if (word === '' || !isNew(word)) continue;
    for (const ending of endingsOf(word)) write('word_ending', [ending, word]);
  }
}

function writeArtist(number: number): { id: string; nameNorm: string } {
  const known = artists.get(number);
  if (known !== undefined) return known;
  const { id, name, url } = artistAt(number);
  const nameNorm = normaliseName(name);
  write('artist', [id, name, nameNorm, url]);
  if (isNew(`name ${nameNorm}`))
    for (const gram of gramsOf(nameNorm)) write('artist_name_gram', [gram, nameNorm]);
  const artist = { id, nameNorm };
  artists.set(number, artist);
  // Guests come from a little before: older ones are not asked for again.
  artists.delete(number - 200);
  return artist;
}

function isNew(key: string): boolean {
  if (known.has(key)) return false;
  known.add(key);
  return true;
}

function write(name: SearchTable, row: readonly (string | number | null)[]): void {
  const file = files.get(name);
  if (file === undefined) return;
  file.text += `${row.map((value) => value ?? '\\N').join('\t')}\n`;
  if (file.text.length < CHUNK) return;
  writeSync(file.handle, file.text);
  file.text = '';
}
