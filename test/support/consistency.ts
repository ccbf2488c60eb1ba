import type { DataSource } from 'typeorm';
import { Album } from '../../src/tracks/entities/album.entity';
import { Artist } from '../../src/tracks/entities/artist.entity';
import { Candidate } from '../../src/tracks/entities/candidate.entity';
import { ArtistNameGram } from '../../src/tracks/entities/name-gram.entity';
import { RecordingMiss } from '../../src/tracks/entities/recording-miss.entity';
import { TrackArtist } from '../../src/tracks/entities/track-artist.entity';
import { TrackWord } from '../../src/tracks/entities/track-word.entity';
import { Track } from '../../src/tracks/entities/track.entity';
import { WordEnding } from '../../src/tracks/entities/word-ending.entity';
import { loadTracks } from '../../src/tracks/stored-track.query';
import { toDocument } from '../../src/tracks/track-document';
import { toWordRows } from '../../src/tracks/track-entry';
import { OwnerChange } from '../../src/tracks/entities/owner-change.entity';
import { endingsOf, gramsOf, normaliseName } from '../../src/tracks/name-search';

/**
 * What no foreign key watches over: every track with its album, its credits in order, its candidates; every artist and album on
 * some track; nothing that belongs to nobody; and the name index as if it were built anew from these rows. Fails with a list
 * of what is wrong.
 */
export async function assertConsistent(dataSource: DataSource): Promise<void> {
  expect(await findInconsistencies(dataSource)).toEqual([]);
}

/** What `assertConsistent` demands, as sentences; empty where all is well. Read it while nobody writes. */
export async function findInconsistencies({ manager }: DataSource): Promise<string[]> {
  const [tracks, albums, artists, credits, candidates, wordRows, nameGrams, wordEndings, misses] = [
    await manager.find(Track),
    await manager.find(Album),
    await manager.find(Artist),
    await manager.find(TrackArtist, { order: { isrc: 'ASC', position: 'ASC' } }),
    await manager.find(Candidate, { order: { isrc: 'ASC', position: 'ASC' } }),
    await manager.find(TrackWord),
    await manager.find(ArtistNameGram),
    await manager.find(WordEnding),
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
  const nameOf = new Map(artists.map(({ id, nameNorm }) => [id, nameNorm]));

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
  }
  for (const artist of artists) {
    check(
      artist.nameNorm === normaliseName(artist.name),
      `the normalised name of artist ${artist.id} is stale`,
    );
  }
  const credited = new Set(credits.map(({ artistId }) => artistId));
  const used = new Set(tracks.map(({ albumId }) => albumId));
  for (const id of credited) check(artistIds.has(id), `the credited artist ${id} is missing`);
  for (const id of artistIds) check(credited.has(id), `artist ${id} has no track`);
  for (const id of albumIds) check(used.has(id), `album ${id} has no track`);
  for (const isrc of [...creditsOf.keys(), ...candidatesOf.keys()])
    check(trackIds.has(isrc), `something of the missing track ${isrc} is left`);

  const dueRows = tracks.flatMap((track) =>
    toWordRows({
      isrc: track.isrc,
      sortRank: track.sortRank,
      title: track.titleNorm,
      artists: (creditsOf.get(track.isrc) ?? []).map(({ artistId }) => nameOf.get(artistId) ?? ''),
    }),
  );
  const rowText = ({ word, place, title, artists }: TrackWord) =>
    JSON.stringify([word, place, title, artists]);
  faults.push(...differences('row of track_word', wordRows.map(rowText), dueRows.map(rowText)));
  const dueNames = [...new Set(nameOf.values())].flatMap((name) =>
    gramsOf(name).map((gram) => JSON.stringify([gram, name])),
  );
  const nameRows = nameGrams.map(({ gram, name }) => JSON.stringify([gram, name]));
  faults.push(...differences('row of artist_name_gram', nameRows, dueNames));
  // The dictionary keeps words that no track has any more: those in use are to be there, and each whole.
  const inUse = wordRows.map(({ word }) => word.slice(1)).filter((word) => word !== '');
  const known = wordEndings.map(({ word }) => word);
  const dueEndings = [...new Set([...inUse, ...known])].flatMap((word) =>
    endingsOf(word).map((ending) => JSON.stringify([ending, word])),
  );
  const endings = wordEndings.map(({ ending, word }) => JSON.stringify([ending, word]));
  faults.push(...differences('row of word_ending', endings, dueEndings));
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

/** What is in one list and not in the other. */
function differences(what: string, found: readonly string[], due: readonly string[]): string[] {
  const [isFound, isDue] = [new Set(found), new Set(due)];
  return [
    ...found.filter((text) => !isDue.has(text)).map((text) => `a ${what} too many: ${text}`),
    ...due.filter((text) => !isFound.has(text)).map((text) => `a ${what} is missing: ${text}`),
  ];
}
