import { artistPlacesOf, recordingAt } from './catalogue';
import type { Cell, TypicalTable } from './typical-schema';
import { viewOf } from './view';

/** The rows of the n-th track in the peers' tables. Artists and albums come once, with the first track that needs them. */
export function typicalRowsOf(n: number): Record<TypicalTable, Cell[][]> {
  const recording = recordingAt(n);
  const { chosen, isrc, match } = recording;
  const { artistNumbers, albumNumber, isFirstOfArtist, isFirstOfAlbum } = artistPlacesOf(n);
  const { album } = chosen;
  const fetchedAt = recording.fetchedAt.toISOString().replace('T', ' ').replace('Z', '');
  const id = n + 1;
  const [artist] = chosen.artists;
  return {
    artists:
      isFirstOfArtist && artist !== undefined
        ? [[(artistNumbers[0] ?? 0) + 1, artist.id, artist.name, artist.url]]
        : [],
    albums: isFirstOfAlbum
      ? [
          [
            albumNumber + 1,
            album.id,
            album.title,
            album.type,
            album.releaseDate,
            album.releaseDatePrecision,
            album.totalTracks,
            album.upc,
            album.label,
            album.url,
            JSON.stringify(album.images),
          ],
        ]
      : [],
    tracks: [
      [
        id,
        isrc,
        chosen.title,
        albumNumber + 1,
        chosen.durationMs,
        chosen.explicit ? 1 : 0,
        chosen.popularity,
        chosen.discNumber,
        chosen.trackNumber,
        chosen.previewUrl,
        JSON.stringify(chosen.availableMarkets),
        recording.source,
        chosen.id,
        chosen.url,
        fetchedAt,
        match.rule,
        recording.candidates.length,
        match.market,
        fetchedAt,
        fetchedAt,
      ],
    ],
    track_artists: artistNumbers.map((number, position) => [id, position, number + 1]),
    documents: [[isrc, JSON.stringify(viewOf(recording))]],
  };
}
