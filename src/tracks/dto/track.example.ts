/** The example of the API description. */
export const SAMPLE_TRACK = {
  isrc: 'USVT10300001',
  title: 'Float On',
  artists: [
    {
      id: 'sampleArtist0000000001',
      name: 'Modest Mouse',
      url: 'https://sample.deadwax.example/artist/sampleArtist0000000001',
    },
  ],
  album: {
    id: 'sampleAlbum00000000001',
    title: 'Good News for People Who Love Bad News',
    type: 'album',
    releaseDate: '2004-04-06',
    releaseDatePrecision: 'day',
    totalTracks: 16,
    upc: null,
    label: null,
    url: 'https://sample.deadwax.example/album/sampleAlbum00000000001',
  },
  coverImage: {
    url: 'https://sample.deadwax.example/cover/sampleAlbum00000000001/640.jpg',
    width: 640,
    height: 640,
  },
  images: [
    { url: 'https://sample.deadwax.example/cover/sampleAlbum00000000001/640.jpg', width: 640, height: 640 },
  ],
  durationMs: 208466,
  explicit: false,
  popularity: 57,
  discNumber: 1,
  trackNumber: 3,
  previewUrl: null,
  availableMarkets: ['SE', 'US'],
  source: {
    name: 'sample',
    id: 'sampleTrack00000000001',
    url: 'https://sample.deadwax.example/track/sampleTrack00000000001',
    fetchedAt: '2026-11-22T10:00:00.000Z',
  },
  match: { rule: 'most-popular', candidates: 4, market: null },
  createdAt: '2026-11-22T10:00:00.000Z',
  updatedAt: '2026-11-22T10:00:00.000Z',
} as const;
