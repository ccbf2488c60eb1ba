import { FakeAlbum, FakeArtist, FakeTrack } from './fake-track';
import { matchesTrack, SearchQuery } from './search-query';
import { isAvailable, ShownTrack } from './track-json';

/** Without a market, a track sold in at most this many countries is not found (rule of 2.4; the number is ours). */
export const SMALL_MARKET_SET = 5;

/** How `isrc:` compares: nobody knows (spotify-api.md 2.5), so a run may choose. */
export type IsrcMatching = 'normalised' | 'exact';

/** 12 upper-case characters without hyphens or spaces, whatever the spelling. */
export function normaliseIsrc(text: string): string {
  return text.replace(/[\s-]/g, '').toUpperCase();
}

/** The tracks that the stand-in knows, in the order they were added; a track of the same id replaces the old one. */
export class FakeCatalogue {
  private readonly tracks = new Map<string, FakeTrack>();
  private readonly byIsrc = new Map<string, Set<string>>();
  private readonly flapping = new Map<string, number>();
  private readonly unindexed = new Set<string>();

  constructor(private readonly matching: IsrcMatching) {}

  add(tracks: readonly FakeTrack[]): void {
    for (const track of tracks) {
      const old = this.tracks.get(track.id)?.isrc ?? null;
      // Maps and sets keep the place of what is set again: a replaced track stays where it was.
      if (old !== null && old !== track.isrc) this.byIsrc.get(normaliseIsrc(old))?.delete(track.id);
      this.tracks.set(track.id, track);
      if (track.isrc === null) continue;
      const key = normaliseIsrc(track.isrc);
      const ids = this.byIsrc.get(key) ?? new Set();
      this.byIsrc.set(key, ids.add(track.id));
    }
  }

  removeIsrc(isrc: string): void {
    for (const track of this.ofIsrc(isrc)) this.tracks.delete(track.id);
    this.byIsrc.delete(normaliseIsrc(isrc));
  }

  /** Blanks each track of the ISRC from now on. */
  tombstone(isrc: string): void {
    for (const track of this.ofIsrc(isrc)) this.tracks.set(track.id, { ...track, tombstone: true });
  }

  /** The next `times` searches for the ISRC find nothing. */
  flap(isrc: string, times: number): void {
    this.flapping.set(normaliseIsrc(isrc), times);
  }

  /** No search finds the ISRC any more; its tracks stay reachable by id. */
  neverIndex(isrc: string): void {
    this.unindexed.add(normaliseIsrc(isrc));
  }

  track(id: string): FakeTrack | undefined {
    return this.tracks.get(id);
  }

  /** The tracks of one release in disc and track order. */
  ofAlbum(id: string): FakeTrack[] {
    return [...this.tracks.values()]
      .filter((track) => track.album.id === id)
      .sort((a, b) => a.discNumber - b.discNumber || a.trackNumber - b.trackNumber);
  }

  /** An artist as the newest track or album that names it describes it. */
  artist(id: string): FakeArtist | undefined {
    return this.artists().get(id);
  }

  artists(): Map<string, FakeArtist> {
    const found = new Map<string, FakeArtist>();
    for (const track of this.tracks.values()) {
      for (const artist of [...track.album.artists, ...track.artists]) found.set(artist.id, artist);
    }
    return found;
  }

  /** Releases whose own artists, or whose tracks, include the artist. */
  albumsOf(artistId: string): { album: FakeAlbum; group: string }[] {
    const found = new Map<string, { album: FakeAlbum; group: string }>();
    for (const { album, artists } of this.tracks.values()) {
      if (album.artists.some((artist) => artist.id === artistId)) {
        found.set(album.id, { album, group: album.albumType });
      } else if (artists.some((artist) => artist.id === artistId) && !found.has(album.id)) {
        found.set(album.id, { album, group: 'appears_on' });
      }
    }
    return [...found.values()];
  }

  /** The tracks that a search finds, relinked when a market is given (spotify-api.md 2.4 to 2.6). */
  search(query: SearchQuery, market: string | null): ShownTrack[] {
    if (query.isrc.some((isrc) => this.isHidden(isrc))) return [];
    const [isrc] = query.isrc;
    const candidates = isrc === undefined ? [...this.tracks.values()] : this.ofIsrc(isrc);
    const hits = candidates
      .filter((track) => this.isFindable(track, market) && this.matches(track, query))
      .map((track) => this.inMarket(track, market));
    const seen = new Set<string>();
    // A sibling may be a hit in its own right: each id is shown once.
    return hits.filter(({ track }) => !seen.has(track.id) && seen.add(track.id));
  }

  /** The track itself, or the sibling that stands in for it in this market. */
  inMarket(track: FakeTrack, market: string | null): ShownTrack {
    if (market === null || isAvailable(track, market)) return { track };
    const sibling = [...this.tracks.values()].find(
      (other) => groupOf(other) === groupOf(track) && !other.tombstone && isAvailable(other, market),
    );
    return sibling === undefined ? { track } : { track: sibling, linkedFrom: track };
  }

  private isHidden(isrc: string): boolean {
    const key = normaliseIsrc(isrc);
    const left = this.flapping.get(key) ?? 0;
    if (left > 0) this.flapping.set(key, left - 1);
    return left > 0 || this.unindexed.has(key);
  }

  private isFindable(track: FakeTrack, market: string | null): boolean {
    if (!track.indexed) return false;
    if (track.tombstone || track.markets === null) return true;
    return track.markets.length > (market === null ? SMALL_MARKET_SET : 0);
  }

  private matches(track: FakeTrack, query: SearchQuery): boolean {
    const spelled = (text: string): string => (this.matching === 'exact' ? text : normaliseIsrc(text));
    const isSame = query.isrc.every((isrc) => track.isrc !== null && spelled(isrc) === spelled(track.isrc));
    return isSame && matchesTrack(track, query);
  }

  private ofIsrc(isrc: string): FakeTrack[] {
    const ids = this.byIsrc.get(normaliseIsrc(isrc)) ?? [];
    return [...ids].flatMap((id) => this.tracks.get(id) ?? []);
  }
}

function groupOf(track: FakeTrack): string {
  return track.relinkGroup ?? (track.isrc === null ? track.id : normaliseIsrc(track.isrc));
}
