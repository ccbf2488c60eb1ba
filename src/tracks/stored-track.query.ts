import type { EntityManager } from 'typeorm';
import { Album } from './entities/album.entity';
import { Artist } from './entities/artist.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';

/** A track with what it is shown with. */
export interface StoredTrack extends Track {
  album: Album;
  /** In the source's order. */
  credits: (TrackArtist & { artist: Artist })[];
}

/** SQLite binds at most 32,766 values; a longer list than this is read in parts. */
const KEYS_A_STATEMENT = 1000;

/** Reads tracks with album and artists by one statement, so that what is read together was true together. */
export async function loadTracks(manager: EntityManager, isrcs: readonly string[]): Promise<StoredTrack[]> {
  const found: StoredTrack[] = [];
  for (let at = 0; at < isrcs.length; at += KEYS_A_STATEMENT) {
    const tracks = await manager
      .createQueryBuilder(Track, 'track')
      .innerJoinAndMapOne('track.album', Album, 'album', 'album.id = track.album_id')
      .innerJoinAndMapMany('track.credits', TrackArtist, 'credit', 'credit.isrc = track.isrc')
      .innerJoinAndMapOne('credit.artist', Artist, 'artist', 'artist.id = credit.artist_id')
      .where('track.isrc IN (:...isrcs)', { isrcs: isrcs.slice(at, at + KEYS_A_STATEMENT) })
      .orderBy('credit.position', 'ASC')
      .getMany();
    found.push(...(tracks as StoredTrack[]));
  }
  return found;
}
