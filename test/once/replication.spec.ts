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
    CLIENT_REQUESTS_PER_MINUTE: '0', // one client makes all the load
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
    const { text } = await service.call('GET', '/health');
    return text.includes(`"state":"${state}"`);
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
  await seesWhatIsWritten(10);
  await replicaIs('behind');
  await seesWhatIsWritten(2);
  await replica.query('START SLAVE SQL_THREAD');
  await replicaIs('ok');
  await seesWhatIsWritten(10);
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
  const calls = Promise.all([seesWhatIsWritten(8), seesWhatIsWritten(8), seesWhatIsWritten(8)]);
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

interface Load {
  /** When each was. */
  readonly acknowledged: Map<string, number>;
  readonly unexpected: unknown[];
  refused: number;
}

/** While `work` goes on, clients store one track after the other, each again while they are told 503. */
async function underLoad(work: (load: Load) => Promise<void>): Promise<void> {
  const load: Load = { acknowledged: new Map(), unexpected: [], refused: 0 };
  let isOver = false;
  const storeOne = async (isrc: string) => {
    while (!isOver) {
      const answer = await store(isrc);
      if (answer.status === 200 || answer.status === 201) {
        load.acknowledged.set(isrc, performance.now());
        const { status } = await read(isrc);
        if (status !== 200 && status !== 503) load.unexpected.push(`read ${status}`);
        return;
      }
      if (answer.status !== 503 || !(Number(answer.headers.get('retry-after')) > 0))
        load.unexpected.push(answer.status);
      load.refused++;
      await sleep(50);
    }
  };
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) await storeOne(isrcOf(next++));
  });
  try {
    await until('load', () => load.acknowledged.size > 50);
    await work(load);
  } finally {
    isOver = true;
    await Promise.all(clients);
  }
  expect(load.unexpected).toEqual([]);
}

async function expectAllKept(acknowledged: ReadonlyMap<string, number>, node: MariadbNode): Promise<void> {
  const kept = new Set(
    (await node.query<{ isrc: string }>('SELECT isrc FROM deadwax.track')).map(({ isrc }) => isrc),
  );
  expect([...acknowledged.keys()].filter((isrc) => !kept.has(isrc))).toEqual([]);
}

/** Gives the address to a new primary, and sees writes come back. */
async function leadTo(primary: MariadbNode, { acknowledged }: Load): Promise<void> {
  address.leadTo(primary.port);
  const switchedMs = performance.now();
  const firstAfterMs = () => [...acknowledged.values()].find((each) => each > switchedMs);
  await until('writes are back', () => firstAfterMs() !== undefined);
  const tookMs = (firstAfterMs() ?? Infinity) - switchedMs;
  expect(tookMs).toBeLessThan(5_000 + SLACK_MS);
}

it('D04 a primary that turns read-only gives way to a new one: old connections are dropped, writes are back, nothing is lost', async () => {
  const [old, replica] = servers.nodes;
  let acknowledged: Load['acknowledged'] = new Map();
  await underLoad(async (load) => {
    ({ acknowledged } = load);
    // As tools for switching over do. Nothing is cut: connections that are open stay at the old primary.
    await old.query('SET GLOBAL read_only = 1');
    await until('writes refused', () => load.refused > 0);
    await promote(replica);
    await leadTo(replica, load);
    // The other process writes nothing: it hears of it by its probes.
    await until('the old primary is left', async () => {
      await other.call('GET', '/health/ready', { token: null });
      return (
        (await old.query(`SELECT id FROM information_schema.processlist WHERE user = 'app'`)).length === 0
      );
    });
  });
  await expectAllKept(acknowledged, replica);
  const [last = ''] = [...acknowledged.keys()].slice(-1);
  expect((await read(last, other)).status).toBe(200);
  await seesWhatIsWritten(5);
});

it('a primary that is killed under load gives way to its replica, and nothing that was acknowledged is lost', async () => {
  const [replica, primary] = servers.nodes;
  await follow(replica, primary);
  await until('semi-synchronous', async () => (await primary.status('Rpl_semi_sync_master_status')) === 'ON');
  let acknowledged: Load['acknowledged'] = new Map();
  await underLoad(async (load) => {
    ({ acknowledged } = load);
    await primary.kill();
    await until('calls refused', () => load.refused > 0);
    await promote(replica);
    await leadTo(replica, load);
  });
  await expectAllKept(acknowledged, replica);
  await until(
    'ready',
    async () => (await service.call('GET', '/health/ready', { token: null })).status === 200,
  );
});
