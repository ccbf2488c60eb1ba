import { isIsrc, type Isrc } from '../../src/recording/isrc';
import type { Recording, RecordingAlbum, RecordingArtist, SourceTrack } from '../../src/recording/recording';

/** The n-th code of a registrant of the tests' own. */
export function isrcOf(n: number): Isrc {
  const text = `QZDWX26${String(n).padStart(5, '0')}`;
  if (!isIsrc(text)) throw new Error(`no ISRC has the number ${n}`);
  return text;
}

/** An artist; the id follows from the name unless given. */
export function anArtist(name: string, id = `artist-${name}`.slice(0, 64)): RecordingArtist {
  return { id, name, url: `https://open.spotify.com/artist/${encodeURIComponent(id)}` };
}

export function anAlbum(over: Partial<RecordingAlbum> = {}): RecordingAlbum {
  return {
    id: 'album-one',
    title: 'An Album',
    type: 'album',
    releaseDate: '2003-04-15',
    releaseDatePrecision: 'day',
    totalTracks: 12,
    upc: '00602445790098',
    label: 'A Label',
    url: 'https://open.spotify.com/album/one',
    images: [{ url: 'https://i.scdn.co/image/one', width: 640, height: 640 }],
    ...over,
  };
}

export function aSourceTrack(over: Partial<SourceTrack> = {}): SourceTrack {
  const isrc = over.isrc ?? isrcOf(1);
  return {
    id: `track-${isrc}`,
    isrc,
    title: 'A Song',
    url: 'https://open.spotify.com/track/one',
    artists: [anArtist('An Artist')],
    album: anAlbum(),
    durationMs: 215_000,
    explicit: false,
    popularity: 57,
    discNumber: 1,
    trackNumber: 3,
    previewUrl: null,
    availableMarkets: ['SE', 'US'],
    ...over,
  };
}

/** What a source found: one track with these properties, chosen because it is alone. */
export function aRecording(over: Partial<SourceTrack> = {}, fetchedAt = new Date()): Recording {
  const chosen = aSourceTrack(over);
  return {
    isrc: chosen.isrc,
    source: 'spotify',
    fetchedAt,
    chosen,
    match: { rule: 'only-match', market: null },
    candidates: [chosen],
  };
}
