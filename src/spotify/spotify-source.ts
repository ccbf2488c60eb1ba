import { Inject, Injectable, Logger } from '@nestjs/common';
import { chooseTrack } from '../recording/choose-track';
import type { Isrc } from '../recording/isrc';
import type { Recording, SourceTrack } from '../recording/recording';
import { RecordingSource } from '../recording/recording-source';
import { SpotifyHttp } from './spotify-http';
import { readSearch, type SearchHit } from './spotify-responses';
import { SPOTIFY_CLOCK, SPOTIFY_SETTINGS, type SpotifyClock, type SpotifySettings } from './spotify-settings';

/** The most that development mode allows; sent always, because the default is 5 (spotify-api.md 2.1). */
const PAGE_SIZE = 10;

/** `limit + offset` may not pass 1000. */
const LAST_OFFSET = 990;

/** Finds recordings by Spotify's search. */
@Injectable()
export class SpotifySource extends RecordingSource {
  readonly name = 'spotify';
  private readonly logger = new Logger(SpotifySource.name);

  constructor(
    private readonly http: SpotifyHttp,
    @Inject(SPOTIFY_SETTINGS) private readonly settings: SpotifySettings,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
  ) {
    super();
  }

  /** Asks without a market first, then in each configured one until something is found: some codes live in one country. */
  async findByIsrc(isrc: Isrc): Promise<Recording | null> {
    for (const market of [null, ...this.settings.markets]) {
      const tracks = await this.search(isrc, market);
      const finding = { source: this.name, fetchedAt: new Date(this.now()), market } as const;
      const recording = chooseTrack(isrc, tracks, finding);
      if (recording) return recording;
    }
    return null;
  }

  /** All tracks under the code. Full pages are followed whatever `total` and `next` say: both are wrong at times. */
  private async search(isrc: Isrc, market: string | null): Promise<SourceTrack[]> {
    const hits: SearchHit[] = [];
    const seen = new Set<string>();
    let offset = 0;
    for (let page = 1; page <= this.settings.maxPages && offset <= LAST_OFFSET; page += 1) {
      const found = readSearch(await this.http.get('/search', queryOf(isrc, market, offset)));
      const known = seen.size;
      hits.push(...found.filter(({ id }) => id === null || (!seen.has(id) && seen.add(id))));
      if (found.length < PAGE_SIZE || seen.size === known) break;
      offset += PAGE_SIZE;
    }
    return this.verified(isrc, hits);
  }

  /** The tracks that carry the code themselves; the log tells what was left out and why. */
  private verified(isrc: Isrc, hits: readonly SearchHit[]): SourceTrack[] {
    const tracks: SourceTrack[] = [];
    const leftOut: string[] = [];
    for (const hit of hits) {
      if ('fault' in hit) leftOut.push(`${hit.id ?? 'no id'} (${hit.fault})`);
      else if (hit.track.isrc !== isrc) leftOut.push(`${hit.track.id} (carries ${hit.track.isrc})`);
      else tracks.push(hit.track);
    }
    if (leftOut.length > 0) {
      this.logger.warn(
        `${isrc}: ${leftOut.length} of ${hits.length} hits left out: ${leftOut.slice(0, 10).join(', ')}`,
      );
    }
    return tracks;
  }
}

function queryOf(isrc: Isrc, market: string | null, offset: number): Record<string, string> {
  return {
    q: `isrc:${isrc}`,
    type: 'track',
    limit: `${PAGE_SIZE}`,
    offset: `${offset}`,
    ...(market === null ? {} : { market }),
  };
}
