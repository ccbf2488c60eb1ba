import { setTimeout as sleep } from 'node:timers/promises';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment, startApp, type TestApp } from '../support/app';
import type { MariadbNode, Nodes } from '../support/mariadb-nodes';
import { follow, promote, startReplication } from '../support/mariadb-replication';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { until } from '../support/until';

/* A primary with a replica, behind an address that leads to whichever is the primary, as a proxy's or a name does. */

jest.setTimeout(120_000);

const TRACKS = 3_000;
const isrcOf = (at: number) => `QZREP26${String(at).padStart(5, '0')}`;
/** What a loaded test machine may add to a promise made in milliseconds. */
const SLACK_MS = 5_000;

let servers: Nodes<[MariadbNode, MariadbNode]>;
let spotify: SpotifyFake;
let address: TcpProxy;
/** Two processes of the service, as far as the database can tell. */
let service: TestApp;
let other: TestApp;
let next = 0;

beforeAll(async () => {
  spotify = await startSpotifyFake({
    catalogue: Array.from({ length: TRACKS }, (_, at) =>
      fakeTrack({ isrc: isrcOf(at), artists: [`Artist ${at % 5}`] }),
    ),
  });
  servers = await startReplication();
  const [primary, replica] = servers.nodes;
  // Not an administrator, whom a server that is read-only would let write.
  await primary.query(`CREATE USER app@127.0.0.1 IDENTIFIED BY 'of-the-service'`);
  await primary.query('GRANT ALL ON deadwax.* TO app@127.0.0.1');
  address = await startTcpProxy(primary.port);
  const url = (port: number) => `mariadb://app:of-the-service@127.0.0.1:${port}/deadwax`;
  const environment = {
    DATABASE_URL: url(address.port),
    DATABASE_REPLICA_URLS: url(replica.port),
    ...spotifyEnvironment(spotify),
  };
  service = await startApp(environment);
  other = await startApp({ ...environment, DATABASE_REPLICA_URLS: '' });
});

afterAll(async () => {
  await service.stop();
  await other.stop();
  await address.stop();
  await servers.stop();
  await spotify.stop();
});

const store = (isrc: string, by = service) => by.call('POST', '/v1/tracks', { json: { isrc } });
const read = (isrc: string, by = service) => by.call('GET', `/v1/tracks/${isrc}`);

async function replicaIs(state: string): Promise<void> {
  await until(`the replica is ${state}`, async () => {
    const { body } = await service.call('GET', '/health');
    return JSON.stringify(body).includes(`"state":"${state}"`);
  });
}

/** Writes by each of both, which the one that reads replicas sees at once. */
async function seesWhatIsWritten(count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const isrc = isrcOf(next++);
    expect((await store(isrc, at % 2 === 0 ? service : other)).status).toBe(201);
    expect((await read(isrc)).status).toBe(200);
    expect((await service.call('DELETE', `/v1/tracks/${isrc}`)).status).toBe(204);
    expect((await read(isrc)).status).toBe(404);
  }
}

it('reads the replica, and what it lacks at the primary, from the moment on at which it stands still', async () => {
  const [, replica] = servers.nodes;
  await replicaIs('ok');
  expect((await store(isrcOf(next))).status).toBe(201);
  const READS = 40;
  const selects = async () => Number(await replica.status('Com_select'));
  await until('replicated', async () => (await replica.query('SELECT 1 FROM deadwax.track')).length === 1);
  const before = await selects();
  for (let at = 0; at < READS; at++) expect((await read(isrcOf(next))).status).toBe(200);
  expect((await selects()) - before).toBeGreaterThanOrEqual(2 * READS); // what it has, and the track
  next++;

  await replica.query('STOP SLAVE SQL_THREAD');
  await seesWhatIsWritten(20);
  await replicaIs('behind');
  await seesWhatIsWritten(2);
  await replica.query('START SLAVE SQL_THREAD');
  await replicaIs('ok');
  await seesWhatIsWritten(20);
});

it('goes on without a replica whose replication has broken, and with it once it is mended', async () => {
  const [, replica] = servers.nodes;
  const isrc = isrcOf(next++);
  expect((await store(isrc)).status).toBe(201);
  await until(
    'replicated',
    async () => (await replica.query(`SELECT 1 FROM deadwax.track WHERE isrc = '${isrc}'`)).length === 1,
  );
  // Somebody writes to the replica: the primary's next change of that row cannot be applied.
  await replica.query(`DELETE FROM deadwax.track WHERE isrc = '${isrc}'`);
  expect((await service.call('DELETE', `/v1/tracks/${isrc}`)).status).toBe(204);
  const isRunning = async () =>
    (await replica.query<{ Slave_SQL_Running: string }>('SHOW SLAVE STATUS'))[0]?.Slave_SQL_Running === 'Yes';
  await until('broken', async () => !(await isRunning()));
  await seesWhatIsWritten(5);
  await replicaIs('behind');
  await seesWhatIsWritten(2);
  await replica.query(`SET GLOBAL slave_exec_mode = 'IDEMPOTENT'`);
  await replica.query('START SLAVE SQL_THREAD');
  await replicaIs('ok');
  expect(await isRunning()).toBe(true);
  await seesWhatIsWritten(5);
});

it('goes on without a replica that was killed, and with it once it is back', async () => {
  const [primary, replica] = servers.nodes;
  const calls = Promise.all([seesWhatIsWritten(20), seesWhatIsWritten(20), seesWhatIsWritten(20)]);
  await replica.kill();
  await calls;
  await replicaIs('unreachable');
  await seesWhatIsWritten(2);
  await replica.start();
  await replica.query('SET GLOBAL read_only = 1');
  await replicaIs('ok');
  await seesWhatIsWritten(5);
  await until('semi-synchronous', async () => (await primary.status('Rpl_semi_sync_master_status')) === 'ON');
});

/** Clients that store one track after the other, and again where they are told 503, until told to stop. */
function startLoad(clients: number) {
  const acknowledged = new Map<string, number>();
  const unexpected: unknown[] = [];
  let isOver = false;
  let refused = 0;
  const client = async () => {
    while (!isOver) {
      const isrc = isrcOf(next++);
      for (let isStored = false; !isStored;) {
        const answer = await store(isrc);
        isStored = answer.status === 200 || answer.status === 201;
        if (isStored) {
          acknowledged.set(isrc, performance.now());
          const { status } = await read(isrc);
          if (status !== 200 && status !== 503) unexpected.push(`read ${status}`);
        } else if (answer.status === 503 && Number(answer.headers.get('retry-after')) > 0) {
          refused++;
          await sleep(50);
        } else unexpected.push(answer.status);
      }
    }
  };
  const running = Array.from({ length: clients }, client);
  return {
    acknowledged,
    unexpected,
    get refused() {
      return refused;
    },
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
  };
}

async function expectAllKept(acknowledged: ReadonlyMap<string, number>, node: MariadbNode): Promise<void> {
  const kept = new Set(
    (await node.query<{ isrc: string }>('SELECT isrc FROM deadwax.track')).map(({ isrc }) => isrc),
  );
  expect([...acknowledged.keys()].filter((isrc) => !kept.has(isrc))).toEqual([]);
}

/** The first moment after another at which a write was acknowledged. */
const backAfter = (acknowledged: ReadonlyMap<string, number>, momentMs: number) =>
  Math.min(...[...acknowledged.values()].filter((each) => each > momentMs)) - momentMs;

it('D04 a primary that turns read-only gives way to a new one: old connections are dropped, writes are back, nothing is lost', async () => {
  const [old, replica] = servers.nodes;
  await seesWhatIsWritten(1);
  const load = startLoad(8);
  await until('load', () => load.acknowledged.size > 50);
  // As tools for switching over do. Nothing is cut: connections that are open stay at the old primary.
  await old.query('SET GLOBAL read_only = 1');
  await until('writes refused', () => load.refused > 0);
  await promote(replica);
  address.leadTo(replica.port);
  const switchedMs = performance.now();
  await until('writes are back', () => backAfter(load.acknowledged, switchedMs) < Infinity);
  expect(backAfter(load.acknowledged, switchedMs)).toBeLessThan(5_000 + SLACK_MS);
  const connections = () => old.query(`SELECT id FROM information_schema.processlist WHERE user = 'app'`);
  // The other one writes nothing; it is asked by its probes alone.
  await until('the old primary is left', async () => {
    await other.call('GET', '/health/ready', { token: null });
    return (await connections()).length === 0;
  });
  await load.stop();
  expect(load.unexpected).toEqual([]);
  await expectAllKept(load.acknowledged, replica);
  await seesWhatIsWritten(5);
  const [last = ''] = [...load.acknowledged.keys()].slice(-1);
  expect((await read(last, other)).status).toBe(200);
});

it('a primary that is killed under load gives way to its replica, and nothing that was acknowledged is lost', async () => {
  const [replica, primary] = servers.nodes;
  await follow(replica, primary);
  await until('semi-synchronous', async () => (await primary.status('Rpl_semi_sync_master_status')) === 'ON');
  const load = startLoad(8);
  await until('load', () => load.acknowledged.size > 50);
  await primary.kill();
  await until('calls refused', () => load.refused > 0);
  await promote(replica);
  address.leadTo(replica.port);
  const switchedMs = performance.now();
  await until('writes are back', () => backAfter(load.acknowledged, switchedMs) < Infinity);
  expect(backAfter(load.acknowledged, switchedMs)).toBeLessThan(5_000 + SLACK_MS);
  await load.stop();
  expect(load.unexpected).toEqual([]);
  await expectAllKept(load.acknowledged, replica);
  await until(
    'ready',
    async () => (await service.call('GET', '/health/ready', { token: null })).status === 200,
  );
});
