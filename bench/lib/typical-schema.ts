/**
 * The tables that the peers keep tracks in: what one designs in an afternoon. Numbers as keys, codes unique, links in a
 * table of their own; beside them a table of finished JSON documents, for the peers that send those.
 */
export const TYPICAL_TABLES = {
  artists: {
    columns: ['id', 'spotify_id', 'name', 'url'],
    mariadb: `id INT PRIMARY KEY, spotify_id VARCHAR(64) NOT NULL UNIQUE, name VARCHAR(255) NOT NULL, url VARCHAR(255) NOT NULL,
      KEY artists_name (name)`,
    sqlite: `id INTEGER PRIMARY KEY, spotify_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, url TEXT NOT NULL`,
  },
  albums: {
    columns: ['id', 'spotify_id', 'title', 'type', 'release_date', 'release_date_precision', 'total_tracks', 'upc', 'label', 'url', 'images'],
    mariadb: `id INT PRIMARY KEY, spotify_id VARCHAR(64) NOT NULL UNIQUE, title VARCHAR(255) NOT NULL, type VARCHAR(20) NOT NULL,
      release_date VARCHAR(10), release_date_precision VARCHAR(5), total_tracks INT NOT NULL, upc VARCHAR(32), label VARCHAR(255),
      url VARCHAR(255) NOT NULL, images JSON NOT NULL`,
    sqlite: `id INTEGER PRIMARY KEY, spotify_id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, type TEXT NOT NULL, release_date TEXT,
      release_date_precision TEXT, total_tracks INTEGER NOT NULL, upc TEXT, label TEXT, url TEXT NOT NULL, images TEXT NOT NULL`,
  },
  tracks: {
    columns: ['id', 'isrc', 'title', 'album_id', 'duration_ms', 'explicit', 'popularity', 'disc_number', 'track_number', 'preview_url', 'available_markets', 'source_name', 'source_id', 'source_url', 'fetched_at', 'match_rule', 'match_candidates', 'match_market', 'created_at', 'updated_at'],
    mariadb: `id INT PRIMARY KEY, isrc CHAR(12) NOT NULL UNIQUE, title VARCHAR(255) NOT NULL, album_id INT NOT NULL, duration_ms INT NOT NULL,
      explicit BOOLEAN NOT NULL, popularity INT, disc_number INT NOT NULL, track_number INT NOT NULL, preview_url VARCHAR(255),
      available_markets JSON, source_name VARCHAR(20) NOT NULL, source_id VARCHAR(64) NOT NULL, source_url VARCHAR(255) NOT NULL,
      fetched_at DATETIME(3) NOT NULL, match_rule VARCHAR(20) NOT NULL, match_candidates INT NOT NULL, match_market CHAR(2),
      created_at DATETIME(3) NOT NULL, updated_at DATETIME(3) NOT NULL, KEY tracks_album (album_id), KEY tracks_popularity (popularity, isrc)`,
    sqlite: `id INTEGER PRIMARY KEY, isrc TEXT NOT NULL UNIQUE, title TEXT NOT NULL, album_id INTEGER NOT NULL, duration_ms INTEGER NOT NULL,
      explicit INTEGER NOT NULL, popularity INTEGER, disc_number INTEGER NOT NULL, track_number INTEGER NOT NULL, preview_url TEXT,
      available_markets TEXT, source_name TEXT NOT NULL, source_id TEXT NOT NULL, source_url TEXT NOT NULL, fetched_at TEXT NOT NULL,
      match_rule TEXT NOT NULL, match_candidates INTEGER NOT NULL, match_market TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL`,
  },
  track_artists: {
    columns: ['track_id', 'position', 'artist_id'],
    mariadb: `track_id INT NOT NULL, position INT NOT NULL, artist_id INT NOT NULL, PRIMARY KEY (track_id, position), KEY track_artists_artist (artist_id)`,
    sqlite: `track_id INTEGER NOT NULL, position INTEGER NOT NULL, artist_id INTEGER NOT NULL, PRIMARY KEY (track_id, position)`,
  },
  documents: {
    columns: ['isrc', 'document'],
    mariadb: `isrc CHAR(12) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, document LONGTEXT NOT NULL`,
    sqlite: `isrc TEXT PRIMARY KEY, document TEXT NOT NULL`,
  },
} as const; // prettier-ignore

export type TypicalTable = keyof typeof TYPICAL_TABLES;
export const TYPICAL_NAMES = Object.keys(TYPICAL_TABLES) as TypicalTable[];

/** A value of a row; moments as `2026-11-01 12:00:00.000`. */
export type Cell = string | number | null;
