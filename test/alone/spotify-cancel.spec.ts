import type { Isrc } from '../../src/recording/isrc';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { realClock, type SourceProcess, type SourceWorld, sourceWorld } from '../support/spotify-source';

/* Real: the module, HTTP, the stand-in, and the clock: what is seen is that nothing is waited for. */

const ISRC = 'USVT10300001' as Isrc;
const GONE = new Error('nobody wants it any more');

let spotify: SpotifyFake;
let world: SourceWorld;
let running: SourceProcess;

beforeEach(async () => {
  spotify = await startSpotifyFake();
  spotify.addTracks(fakeTrack({ isrc: ISRC }));
  world = await sourceWorld(realClock());
  const { clientId, clientSecret, apiUrl, accountsUrl } = spotify;
  running = await world.start({ clientId, clientSecret, apiUrl, accountsUrl });
  await running.source.findByIsrc(ISRC, { lane: 'interactive' });
  spotify.resetStats();
});

afterEach(async () => {
  await world.end();
  await spotify.stop();
});

/** Begins a find and cancels it after a while. Resolves with the milliseconds from then to its end. */
async function cancelledAfter(ms: number): Promise<number> {
  const caller = new AbortController();
  const find = running.source.findByIsrc(ISRC, { lane: 'interactive', signal: caller.signal });
  const ended = expect(find).rejects.toBe(GONE);
  await new Promise((resolve) => setTimeout(resolve, ms));
  const startMs = Date.now();
  caller.abort(GONE);
  await ended;
  return Date.now() - startMs;
}

describe('a find that nobody wants any more ends', () => {
  it('while Spotify is silent', async () => {
    spotify.setFault({ kind: 'stall' });
    expect(await cancelledAfter(100)).toBeLessThan(500);
    // The call was made and counts, and says nothing of Spotify.
    expect(await running.source.report()).toMatchObject({
      state: 'ok',
      window: { used: 2 },
      lastFailure: null,
    });
    spotify.clearFaults();
    await expect(running.source.findByIsrc(ISRC, { lane: 'interactive' })).resolves.not.toBeNull();
  });

  it('while it waits for leave', async () => {
    // Of a quota the window learns nothing, so that the cooldown is all there is to wait for.
    spotify.failNext({ kind: 'rate-limit', body: 'quota', retryAfter: 2 });
    await expect(running.source.findByIsrc(ISRC, { lane: 'interactive' })).rejects.toThrow('quota');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await cancelledAfter(100)).toBeLessThan(500);
    expect(spotify.stats.calls.search).toBe(1);
  });

  it('while it pauses before another try', async () => {
    spotify.setFault({ kind: 'status', status: 503 });
    expect(await cancelledAfter(100)).toBeLessThan(100);
    expect(spotify.stats.calls.search).toBe(1);
  });

  it('while the token is fetched, and takes the fetch along when nobody else waits for it', async () => {
    const { clientId, clientSecret, apiUrl, accountsUrl } = spotify;
    running = await world.start({ clientId, clientSecret, apiUrl, accountsUrl });
    spotify.setFault({ kind: 'stall' }, 'token');
    expect(await cancelledAfter(100)).toBeLessThan(500);
    spotify.clearFaults();
    await expect(running.source.findByIsrc(ISRC, { lane: 'interactive' })).resolves.not.toBeNull();
    // The second find asked anew: it did not join a fetch that stalls.
    expect(spotify.stats.tokenCalls).toBe(2);
    expect(await running.source.report()).toMatchObject({ state: 'ok', lastFailure: null });
  });

  it('while the token is fetched, and leaves the fetch to those who still wait for it', async () => {
    const { clientId, clientSecret, apiUrl, accountsUrl } = spotify;
    running = await world.start({ clientId, clientSecret, apiUrl, accountsUrl });
    spotify.setLatency([300, 300]);
    const other = running.source.findByIsrc(ISRC, { lane: 'bulk' });
    expect(await cancelledAfter(100)).toBeLessThan(500);
    await expect(other).resolves.not.toBeNull();
    expect(spotify.stats.tokenCalls).toBe(1);
  });

  it('before it begins, at no cost', async () => {
    const find = running.source.findByIsrc(ISRC, { lane: 'bulk', signal: AbortSignal.abort(GONE) });
    await expect(find).rejects.toBe(GONE);
    expect(spotify.stats.calls.search).toBe(0);
    expect(await running.source.report()).toMatchObject({ window: { used: 1 } });
  });
});
