import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Isrc } from '../../src/recording/isrc';
import { SourceError } from '../../src/recording/recording-source';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { selfSigned } from '../support/certificate';
import { INTERACTIVE, type SourceWorld, sourceWorld } from '../support/spotify-source';

/* Real: TLS on loopback, the module, its certificate check. Not real: the clock by which the module waits. */

const ISRC = 'USVT10300001' as Isrc;
const DAY_MS = 86_400_000;

let world: SourceWorld;
let spotify: SpotifyFake;
let impostor: Server;
let connections: number;
let requests: number;

async function startImpostor(validFrom: Date, validTo: Date): Promise<string> {
  impostor = createServer(selfSigned(validFrom, validTo), (_request, response) => {
    requests += 1;
    response.end('{}');
  });
  impostor.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
}

beforeEach(async () => {
  [connections, requests] = [0, 0];
  world = await sourceWorld();
  spotify = await startSpotifyFake({ now: () => world.clock.ms });
  spotify.addTracks(fakeTrack({ isrc: ISRC }));
});

afterEach(async () => {
  await world.end();
  await spotify.stop();
  impostor.closeAllConnections();
  await new Promise((resolve) => impostor.close(resolve));
});

describe('U07 a host that cannot prove that it is Spotify', () => {
  const now = Date.now();
  it.each([
    ['self-signed', 'api', new Date(now - DAY_MS), new Date(now + DAY_MS)],
    ['expired', 'api', new Date(now - 3650 * DAY_MS), new Date(now - 3600 * DAY_MS)],
    ['self-signed', 'accounts', new Date(now - DAY_MS), new Date(now + DAY_MS)],
    ['expired', 'accounts', new Date(now - 3650 * DAY_MS), new Date(now - 3600 * DAY_MS)],
  ])(
    'certificate %s, of the %s host: not retried, told once, in health, and mended without restart',
    async (_what, host, from, to) => {
      const base = await startImpostor(from, to);
      const { clientId, clientSecret, apiUrl, accountsUrl } = spotify;
      const running = await world.start({
        clientId,
        clientSecret,
        apiUrl: host === 'api' ? `${base}/v1` : apiUrl,
        accountsUrl: host === 'accounts' ? base : accountsUrl,
      });
      for (let minute = 1; minute <= 3; minute += 1) {
        for (let turn = 0; turn < 5; turn += 1) {
          const failed = running.source.findByIsrc(ISRC, INTERACTIVE);
          await expect(failed).rejects.toBeInstanceOf(SourceError);
          await expect(failed).rejects.toMatchObject({ slug: 'source-error' });
        }
        expect(connections).toBe(minute);
        world.clock.ms += 60_000;
      }
      expect(requests).toBe(0);
      const told = /^error Spotify.* could not prove that it is Spotify \(TLS: \w*CERT\w*\)/;
      expect(world.lines).toEqual([expect.stringMatching(told)]);
      expect(await running.source.report()).toMatchObject({
        state: 'degraded',
        fault: { message: expect.stringContaining('TLS') as string },
        lastFailure: { slug: 'source-error' },
        counts: { retries: 0 },
      });

      Object.assign(running.settings, { apiUrl, accountsUrl });
      await expect(running.source.findByIsrc(ISRC, INTERACTIVE)).resolves.not.toBeNull();
      expect(await running.source.report()).toMatchObject({ state: 'ok', fault: null });
      expect(world.lines[1]).toMatch(/^log Mended/);
    },
  );
});
