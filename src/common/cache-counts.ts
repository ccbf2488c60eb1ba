/** Whatever is kept or shared so that it need not be had anew, by the name that metrics give it. */
const CACHES = [
  /** API tokens by their text. */
  'api-tokens',
  /** Tokens of an identity provider that were found good. */
  'jwts',
  /** Reads of tracks; a hit is one that went along in the statement of another. */
  'track-reads',
  /** Calls to the source; a hit is one that waited for the answer to another's. */
  'source-calls',
  /** ISRCs that the source lately did not know. */
  'misses',
  'graphql-documents',
  'persisted-queries',
] as const;

type CacheName = (typeof CACHES)[number];

/** How often caches had what was asked of them, and how often not, in this process since its start. */
class CacheCounts {
  private readonly counts = new Map(CACHES.map((cache) => [cache, { hit: 0, miss: 0 }]));

  note(cache: CacheName, result: 'hit' | 'miss', count = 1): void {
    const counts = this.counts.get(cache);
    if (counts !== undefined) counts[result] += count;
  }

  report(): ReadonlyMap<CacheName, Readonly<Record<'hit' | 'miss', number>>> {
    return this.counts;
  }
}

/** The process's own, as its caches are. */
export const cacheCounts = new CacheCounts();
