/** What the small peers share: where to listen, which token to accept. */
export const PORT = Number(process.env.PORT);
export const HOST = process.env.HOST;
export const AUTHORIZATION = `Bearer ${process.env.BENCH_TOKEN}`;
export const VARIANT = process.env.BENCH_VARIANT;

/** A view in the response's shape from one row of track and album, and its artists in order. */
export function toView(row, artists) {
  const images = typeof row.images === 'string' ? JSON.parse(row.images) : row.images;
  const markets = row.available_markets;
  return {
    isrc: row.isrc,
    title: row.title,
    artists: artists.map(({ spotify_id, name, url }) => ({ id: spotify_id, name, url })),
    album: {
      id: row.album_spotify_id,
      title: row.album_title,
      type: row.type,
      releaseDate: row.release_date,
      releaseDatePrecision: row.release_date_precision,
      totalTracks: row.total_tracks,
      upc: row.upc,
      label: row.label,
      url: row.album_url,
    },
    coverImage: images[0] ?? null,
    images,
    durationMs: row.duration_ms,
    explicit: row.explicit === 1,
    popularity: row.popularity,
    discNumber: row.disc_number,
    trackNumber: row.track_number,
    previewUrl: row.preview_url,
    availableMarkets: typeof markets === 'string' ? JSON.parse(markets) : markets,
    source: {
      name: row.source_name,
      id: row.source_id,
      url: row.source_url,
      fetchedAt: toMoment(row.fetched_at),
    },
    match: { rule: row.match_rule, candidates: row.match_candidates, market: row.match_market },
    createdAt: toMoment(row.created_at),
    updatedAt: toMoment(row.updated_at),
  };
}

function toMoment(value) {
  return typeof value === 'string' ? `${value.replace(' ', 'T')}Z` : value.toISOString();
}

/** Track, album, and the artists as rows: as many rows as artists, in order. */
export const JOIN = `
  SELECT t.isrc, t.title, t.duration_ms, t.explicit, t.popularity, t.disc_number, t.track_number, t.preview_url,
    t.available_markets, t.source_name, t.source_id, t.source_url, t.fetched_at, t.match_rule, t.match_candidates, t.match_market,
    t.created_at, t.updated_at, al.spotify_id AS album_spotify_id, al.title AS album_title, al.type, al.release_date,
    al.release_date_precision, al.total_tracks, al.upc, al.label, al.url AS album_url, al.images,
    ar.spotify_id, ar.name, ar.url
  FROM tracks t
    JOIN albums al ON al.id = t.album_id
    JOIN track_artists ta ON ta.track_id = t.id
    JOIN artists ar ON ar.id = ta.artist_id`;
