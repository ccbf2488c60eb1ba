import type { Recording } from '../../src/recording/recording';

/** What clients are to see of a new recording (api.md section 4), written down a second time: all servers are held to it. */
export function viewOf({ isrc, chosen, source, fetchedAt, match, candidates }: Recording) {
  const { images, ...album } = chosen.album;
  return {
    isrc,
    title: chosen.title,
    artists: chosen.artists,
    album,
    coverImage: images[0] ?? null,
    images,
    durationMs: chosen.durationMs,
    explicit: chosen.explicit,
    popularity: chosen.popularity,
    discNumber: chosen.discNumber,
    trackNumber: chosen.trackNumber,
    previewUrl: chosen.previewUrl,
    availableMarkets: chosen.availableMarkets,
    source: { name: source, id: chosen.id, url: chosen.url, fetchedAt: fetchedAt.toISOString() },
    match: { rule: match.rule, candidates: candidates.length, market: match.market },
    createdAt: fetchedAt.toISOString(),
    updatedAt: fetchedAt.toISOString(),
  };
}
