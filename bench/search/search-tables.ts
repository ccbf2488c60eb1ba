/** The tables that a search reads; each is loaded from files in the order of its key. */
export const SEARCH_TABLES = [
  'artist',
  'track',
  'track_artist',
  'artist_name_gram',
  'track_word',
  'word_ending',
] as const;
export type SearchTable = (typeof SEARCH_TABLES)[number];
