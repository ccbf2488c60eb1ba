import { type EntityManager, In } from 'typeorm';
import type { Isrc } from '../recording/isrc';
import type { KnownRecording } from '../recording/recording-source';
import { Candidate } from './entities/candidate.entity';
import { Track } from './entities/track.entity';

/** SQLite binds at most 32,766 values; a longer list than this is read in parts. */
const KEYS_A_STATEMENT = 1000;

/** The stored ones among `isrcs`, by the ids of their candidates, in the order asked for. */
export async function loadKnownRecordings(
  manager: EntityManager,
  isrcs: readonly Isrc[],
): Promise<KnownRecording[]> {
  const known = new Map<string, KnownRecording & { readonly candidateIds: string[] }>();
  for (let at = 0; at < isrcs.length; at += KEYS_A_STATEMENT) {
    const isrc = In(isrcs.slice(at, at + KEYS_A_STATEMENT));
    const tracks = await manager.find(Track, { select: { isrc: true, matchMarket: true }, where: { isrc } });
    for (const track of tracks)
      known.set(track.isrc, { isrc: track.isrc as Isrc, candidateIds: [], market: track.matchMarket });
    const candidates = await manager.find(Candidate, {
      select: { isrc: true, position: true, sourceId: true },
      where: { isrc },
      order: { isrc: 'ASC', position: 'ASC' },
    });
    for (const candidate of candidates) known.get(candidate.isrc)?.candidateIds.push(candidate.sourceId);
  }
  return [...new Set(isrcs)].flatMap((isrc) => known.get(isrc) ?? []);
}
