import { setTimeout as sleep } from 'node:timers/promises';
import type { Isrc } from '../../src/recording/isrc';
import { realClock, sourceWorld } from '../../test/support/spotify-source';
import type { UpstreamAddress } from './upstream-process';

/** Somebody who wants to make as many calls as it may, until told to stop. */
export type Client = (upstream: UpstreamAddress, signal: AbortSignal) => Promise<void>;

/** How long a find took, in milliseconds. */
export type NoteWait = (ms: number) => void;

const ISRC = 'USVT10300001' as Isrc;

/** (a) One call after another; a 429 is waited out as told. */
export const sequential: Client = async (upstream, signal) => {
  const search = await searcher(upstream);
  while (!signal.aborted) {
    const waitSeconds = await search();
    if (waitSeconds > 0) await pause(waitSeconds * 1000, signal);
  }
};

/** (b) What p-queue with concurrency 10 does, paused for as long as a 429 tells, as most projects have it. */
export const queue: Client = async (upstream, signal) => {
  const search = await searcher(upstream);
  let pausedUntilMs = 0;
  const work = async () => {
    while (!signal.aborted) {
      const leftMs = pausedUntilMs - performance.now();
      if (leftMs > 0) {
        await pause(leftMs, signal);
        continue;
      }
      const waitSeconds = await search();
      if (waitSeconds > 0) pausedUntilMs = Math.max(pausedUntilMs, performance.now() + waitSeconds * 1000);
    }
  };
  await Promise.all(Array.from({ length: 10 }, work));
};

/** Ours: the module as the service runs it, on SQLite, told of no limit. Five callers who wait, five workers. */
export const deadwax: Client = (upstream, signal) =>
  runSource(upstream, signal, { interactive: 5, bulk: 5, limit: 0 });

/** Ours with the limit configured: callers at random for a tenth of it, beside `bulk` workers; each wait is noted. */
export function callersBeside(bulk: number, limit: number, note: NoteWait): Client {
  return (upstream, signal) => runSource(upstream, signal, { interactive: 0, bulk, limit, note });
}

interface Load {
  readonly interactive: number;
  readonly bulk: number;
  readonly limit: number;
  readonly note?: NoteWait;
}

async function runSource(upstream: UpstreamAddress, signal: AbortSignal, load: Load): Promise<void> {
  const world = await sourceWorld(realClock());
  try {
    const { source } = await world.start({ ...upstream, requestsPer30s: load.limit });
    const find = async (lane: 'interactive' | 'bulk') => {
      try {
        await source.findByIsrc(ISRC, { lane });
      } catch (error) {
        // Told when to come back, as a caller of the service is, or an import that parks.
        const { retryAfterSeconds = 1 } = error as { retryAfterSeconds?: number };
        await pause(retryAfterSeconds * 1000, signal);
      }
    };
    const work = (lane: 'interactive' | 'bulk') => async () => {
      while (!signal.aborted) await find(lane);
    };
    const call = async ({ note, limit }: Load) => {
      if (note === undefined) return;
      const begun: Promise<void>[] = [];
      while (!signal.aborted) {
        await pause(-Math.log(1 - Math.random()) * (300_000 / limit), signal);
        const startMs = performance.now();
        begun.push(
          find('interactive').then(() => {
            note(performance.now() - startMs);
          }),
        );
      }
      await Promise.all(begun);
    };
    await Promise.all([
      ...Array.from({ length: load.interactive }, work('interactive')),
      ...Array.from({ length: load.bulk }, work('bulk')),
      call(load),
    ]);
  } finally {
    await world.end();
  }
}

/** One search; resolves with the seconds to wait, 0 where it was let through. */
async function searcher(upstream: UpstreamAddress): Promise<() => Promise<number>> {
  const { apiUrl, accountsUrl, clientId, clientSecret } = upstream;
  const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const granted = await fetch(`${accountsUrl}/api/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  });
  const { access_token: token } = (await granted.json()) as { access_token: string };
  const url = `${apiUrl}/search?q=isrc:${ISRC}&type=track&limit=10&offset=0`;
  return async () => {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    return answer.status === 429 ? Number(answer.headers.get('retry-after')) : 0;
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
