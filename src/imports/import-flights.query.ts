import { type EntityManager, In, LessThan } from 'typeorm';
import type { Isrc } from '../recording/isrc';
import { ImportFlight } from './entities/import-flight.entity';

/** A flight that lasts longer was written by a clock that was wrong. */
const LONGEST_FLIGHT_MS = 60_000;
/** Of those that died with flights: how long nobody asked for the code since. */
const FORGOTTEN_MS = 60_000;

/**
 * Takes those of `isrcs` that no other worker is asking the source for; at most 1,000. Statements of their own, not a transaction:
 * each holds by itself, and nobody waits for another.
 * @param isrcs in order: so several who take the same ones do not lock each other out
 * @returns those that `holder` has now
 */
export async function takeFlights(
  manager: EntityManager,
  holder: string,
  isrcs: readonly Isrc[],
  { now, until }: { now: Date; until: Date },
): Promise<Set<Isrc>> {
  if (isrcs.length === 0) return new Set();
  await insertMissing(manager, holder, isrcs, until);
  const flights = await manager.findBy(ImportFlight, { isrc: In([...isrcs]) });
  const mine = flights.filter((flight) => flight.holder === holder);
  const abandoned = flights.filter((flight) => flight.holder !== holder && isOver(flight, now));
  for (const { isrc, holder: former, until: untilThen } of abandoned) {
    const { affected } = await manager.update(
      ImportFlight,
      { isrc, holder: former, until: untilThen },
      { holder, until },
    );
    if (affected === 1) mine.push({ isrc, holder, until });
  }
  return new Set(mine.map(({ isrc }) => isrc as Isrc));
}

/** Holds flights for longer, as far as they are still held. */
export async function renewFlights(
  manager: EntityManager,
  holder: string,
  isrcs: readonly Isrc[],
  until: Date,
): Promise<void> {
  if (isrcs.length > 0) await manager.update(ImportFlight, { isrc: In([...isrcs]), holder }, { until });
}

/** Gives flights back: what they brought is stored, or they brought nothing. */
export async function endFlights(
  manager: EntityManager,
  holder: string,
  isrcs: readonly Isrc[],
): Promise<void> {
  if (isrcs.length > 0) await manager.delete(ImportFlight, { isrc: In([...isrcs]), holder });
}

/** Forgets flights whose holders died, and whose codes nobody has asked for since. */
export async function forgetFlights(manager: EntityManager, now: Date): Promise<void> {
  await manager.delete(ImportFlight, { until: LessThan(new Date(now.getTime() - FORGOTTEN_MS)) });
}

function isOver({ until }: ImportFlight, now: Date): boolean {
  return until <= now || until.getTime() > now.getTime() + LONGEST_FLIGHT_MS;
}

async function insertMissing(
  manager: EntityManager,
  holder: string,
  isrcs: readonly Isrc[],
  until: Date,
): Promise<void> {
  const { driver, options } = manager.dataSource;
  const isMysql = options.type === 'mysql' || options.type === 'mariadb';
  const values: unknown[] = [];
  const place = (value: unknown): string => {
    values.push(value);
    return driver.createParameter('', values.length - 1);
  };
  const rows = isrcs.map((isrc) => `(${place(isrc)},${place(holder)},${place(until.getTime())})`);
  const conflict = isMysql ? 'ON DUPLICATE KEY UPDATE isrc = isrc' : 'ON CONFLICT (isrc) DO NOTHING';
  await manager.query(
    `INSERT INTO import_flight (isrc, holder, until_ms) VALUES ${rows.join(',')} ${conflict}`,
    values,
  );
}
