import type { DataSource } from 'typeorm';
import { Album } from '../../src/tracks/entities/album.entity';
import { Artist } from '../../src/tracks/entities/artist.entity';
import { Candidate } from '../../src/tracks/entities/candidate.entity';
import { ArtistGram, TrackGram } from '../../src/tracks/entities/name-gram.entity';
import { RecordingMiss } from '../../src/tracks/entities/recording-miss.entity';
import { TrackArtist } from '../../src/tracks/entities/track-artist.entity';
import { Track } from '../../src/tracks/entities/track.entity';
import { loadTracks } from '../../src/tracks/stored-track.query';
import { toDocument } from '../../src/tracks/track-document';
import { OwnerChange } from '../../src/tracks/entities/owner-change.entity';
import { gramsOf, normaliseName } from '../../src/tracks/name-search';

/**
 * What no foreign key watches over: every track with its album, its credits in order, its candidates and exactly its
 * grams; every artist and album on some track; nothing that belongs to nobody. Fails with a list of what is wrong.
 */
export async function assertConsistent(dataSource: DataSource): Promise<void> {
  expect(await findInconsistencies(dataSource)).toEqual([]);
}

/** What `assertConsistent` demands, as sentences; empty where all is well. Read it while nobody writes. */
async function findInconsistencies({ manager }: DataSource): Promise<string[]> {
  const [tracks, albums, artists, credits, candidates, trackGrams, artistGrams, misses] = [
    await manager.find(Track),
    await manager.find(Album),
    await manager.find(Artist),
    await manager.find(TrackArtist, { order: { isrc: 'ASC', position: 'ASC' } }),
    await manager.find(Candidate, { order: { isrc: 'ASC', position: 'ASC' } }),
    await manager.find(TrackGram),
    await manager.find(ArtistGram),
    await manager.find(RecordingMiss),
  ];
  const faults: string[] = [];
  const check = (isRight: boolean, fault: string) => {
    if (!isRight) faults.push(fault);
  };
  const trackIds = new Set<string>(tracks.map(({ isrc }) => isrc));
  const artistIds = new Set(artists.map(({ id }) => id));
  const albumIds = new Set(albums.map(({ id }) => id));
  const creditsOf = group(credits, ({ isrc }) => isrc);
  const candidatesOf = group(candidates, ({ isrc }) => isrc);
  const gramsByTrack = group(trackGrams, ({ isrc }) => isrc);
  const gramsByArtist = group(artistGrams, ({ artistId }) => artistId);

  for (const track of tracks) {
    const own = creditsOf.get(track.isrc) ?? [];
    const found = candidatesOf.get(track.isrc) ?? [];
    check(albumIds.has(track.albumId), `track ${track.isrc} is on the missing album ${track.albumId}`);
    check(own.length > 0, `track ${track.isrc} has no artist`);
    check(isNumbered(own), `the credits of ${track.isrc} are not numbered from 0`);
    check(
      own.every(({ sortRank }) => sortRank === track.sortRank),
      `a credit of ${track.isrc} has another rank than the track`,
    );
    check(isNumbered(found), `the candidates of ${track.isrc} are not numbered from 0`);
    check(
      found
        .filter(({ isChosen }) => isChosen)
        .map(({ sourceId }) => sourceId)
        .join() === track.sourceId,
      `the chosen candidate of ${track.isrc} is not the track`,
    );
    check(found.length === track.matchCandidates, `track ${track.isrc} has another number of candidates`);
    check(track.titleNorm === normaliseName(track.title), `the normalised title of ${track.isrc} is stale`);
    const grams = (gramsByTrack.get(track.isrc) ?? []).map(({ gram }) => gram);
    check(isSame(grams, gramsOf(track.titleNorm)), `the grams of ${track.isrc} are not those of its title`);
  }
  for (const artist of artists) {
    check(
      artist.nameNorm === normaliseName(artist.name),
      `the normalised name of artist ${artist.id} is stale`,
    );
    const grams = (gramsByArtist.get(artist.id) ?? []).map(({ gram }) => gram);
    check(
      isSame(grams, gramsOf(artist.nameNorm)),
      `the grams of artist ${artist.id} are not those of its name`,
    );
  }
  const credited = new Set(credits.map(({ artistId }) => artistId));
  const used = new Set(tracks.map(({ albumId }) => albumId));
  for (const id of credited) check(artistIds.has(id), `the credited artist ${id} is missing`);
  for (const id of artistIds) check(credited.has(id), `artist ${id} has no track`);
  for (const id of albumIds) check(used.has(id), `album ${id} has no track`);
  for (const isrc of [...creditsOf.keys(), ...candidatesOf.keys(), ...gramsByTrack.keys()])
    check(trackIds.has(isrc), `something of the missing track ${isrc} is left`);
  for (const id of gramsByArtist.keys())
    check(artistIds.has(id), `grams of the missing artist ${id} are left`);
  const changes = await manager.find(OwnerChange);
  const behind = {
    album: new Set(changes.filter(({ kind }) => kind === 'album').map(({ ownerId }) => ownerId)),
    artist: new Set(changes.filter(({ kind }) => kind === 'artist').map(({ ownerId }) => ownerId)),
  };
  const documents = new Map(
    (
      await manager
        .createQueryBuilder(Track, 'track')
        .select(['track.isrc', 'track.document', 'track.documentTag'])
        .getMany()
    ).map(({ isrc, document, documentTag }) => [isrc, { body: document, tag: documentTag }]),
  );
  for (const track of await loadTracks(manager, [...trackIds])) {
    const isMarked =
      behind.album.has(track.albumId) || track.credits.some(({ artistId }) => behind.artist.has(artistId));
    const { body, tag } = documents.get(track.isrc) ?? { body: null, tag: null };
    if (isMarked || body === null) continue;
    const due = toDocument(track);
    check(body === due.body && tag === due.tag, `the document of ${track.isrc} does not show the track`);
  }
  for (const { isrc } of misses) check(!trackIds.has(isrc), `the stored track ${isrc} is noted as a miss`);
  return faults;
}

function group<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [row]);
    else members.push(row);
  }
  return groups;
}

function isNumbered(rows: readonly { position: number }[]): boolean {
  return rows.every(({ position }, index) => position === index);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join('\n') === [...b].sort().join('\n');
}
