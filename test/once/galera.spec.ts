import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { Finding } from '../../src/common/finding';
import { inTransaction } from '../../src/common/transaction';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { openDataSource, openMigrated } from '../support/data-source';
import { type MariadbNode, type Nodes, startGalera } from '../support/mariadb-nodes';
import { FORBIDDEN_STATEMENTS, SCHEMA_RULES, schemaFindings } from '../support/schema-rules';
import { until } from '../support/until';

/* A cluster of three, every node of it written to: what a distributed engine does that one server never does. */

jest.setTimeout(240_000);

const TOKEN = 'an-admin-token-for-the-galera-test-0123456789';
const isrcOf = (at: number) => `QZGAL26${String(at).padStart(5, '0')}`;
const TRACKS = 400;

const NODES = [0, 1, 2] as const;

let cluster: Nodes<[MariadbNode, MariadbNode, MariadbNode]>;
let spotify: SpotifyFake;
let service: BuiltService;
let servers: { running: RunningProcess; url: string }[];
const node = (at: 0 | 1 | 2): MariadbNode => cluster.nodes[at];

beforeAll(async () => {
  service = buildService();
  spotify = await startSpotifyFake({
    catalogue: Array.from({ length: TRACKS }, (_, at) =>
      fakeTrack({ isrc: isrcOf(at), artists: [`Artist ${at % 5}`] }),
    ),
  });
  cluster = await startGalera();
  await node(0).query("SET GLOBAL log_output = 'TABLE'");
  await node(0).query('SET GLOBAL general_log = ON');
  const started = cluster.nodes.map((each) =>
    service.start({
      DATABASE_URL: each.url('deadwax'),
      AUTH_BOOTSTRAP_TOKEN: TOKEN,
      SPOTIFY_CLIENT_ID: spotify.clientId,
      SPOTIFY_CLIENT_SECRET: spotify.clientSecret,
      SPOTIFY_API_URL: spotify.apiUrl,
      SPOTIFY_ACCOUNTS_URL: spotify.accountsUrl,
      SPOTIFY_REQUESTS_PER_30S: '0',
      SPOTIFY_REQUESTS_PER_DAY: '0',
      LOG_LEVEL: 'warn',
    }),
  );
  servers = await Promise.all(
    started.map(async (running) => ({
      running,
      url: (await running.says(/ready at (http:[^\s"]+)/))[1] ?? '',
    })),
  );
});

afterAll(async () => {
  await service.remove();
  await cluster.stop();
  await spotify.stop();
});

/** The status of a call; 0 where the connection broke. */
async function call(at: number, path: string, body?: object): Promise<number> {
  const { url } = servers[at] as { url: string };
  try {
    const response = await fetch(url + path, {
      headers: { authorization: `Bearer ${TOKEN}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

it('D07 two writers on two nodes lose no update: what certification refuses at COMMIT is done again', async () => {
  const sources: DataSource[] = await Promise.all(
    ([0, 1] as const).map((at) => openDataSource(node(at).url('deadwax'))),
  );
  const [first, second] = sources as [DataSource, DataSource];
  await first.query('CREATE TABLE tally (id INTEGER NOT NULL PRIMARY KEY, n INTEGER NOT NULL)');
  await first.query('INSERT INTO tally VALUES (1, 0)');
  const EACH = 40;
  let tries = 0;
  const increment = (source: DataSource) =>
    inTransaction(source, async (manager) => {
      tries++;
      const [row] = await manager.query<{ n: number }[]>('SELECT n FROM tally WHERE id = 1 FOR UPDATE');
      // Reads, waits and writes what it read: an update is lost where both commit.
      await sleep(2);
      await manager.query('UPDATE tally SET n = ? WHERE id = 1', [(row?.n ?? 0) + 1]);
    });
  const run = async (source: DataSource) => {
    for (let count = 0; count < EACH; count++) await increment(source);
  };
  await Promise.all([run(first), run(second)]);
  for (const at of NODES) {
    expect(await node(at).query('SELECT n FROM deadwax.tally')).toEqual([{ n: 2 * EACH }]);
  }
  // They did meet: the cluster refused or broke off transactions, and each was tried again.
  const refused = await Promise.all(
    ([0, 1] as const).flatMap((at) =>
      ['wsrep_local_cert_failures', 'wsrep_local_bf_aborts'].map((name) => node(at).status(name)),
    ),
  );
  expect(refused.map(Number).reduce((sum, each) => sum + each, 0)).toBeGreaterThan(0);
  expect(tries).toBeGreaterThan(2 * EACH);
  await Promise.all(sources.map((source) => source.destroy()));
});

it('one code asked for on every node at once is one track on all of them', async () => {
  for (let at = 0; at < 10; at++) {
    const statuses = await Promise.all(
      [0, 1, 2].map((server) => call(server, '/v1/tracks', { isrc: isrcOf(at) })),
    );
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
  }
  for (const at of NODES)
    expect(await node(at).query('SELECT COUNT(*) AS n FROM deadwax.track')).toEqual([{ n: 10 }]);
});

it('what one server wrote, every other one reads at once', async () => {
  for (let at = 10; at < 40; at++) {
    expect(await call(at % 3, '/v1/tracks', { isrc: isrcOf(at) })).toBe(201);
    expect(await call((at + 1) % 3, `/v1/tracks/${isrcOf(at)}`)).toBe(200);
  }
});

it('a node killed under load loses nothing that was acknowledged, and has it all when it is back', async () => {
  const acknowledged = new Set<string>();
  const unexpected: number[] = [];
  let next = 40;
  let isOver = false;
  const load = async (server: number) => {
    while (!isOver && next < TRACKS) {
      const isrc = isrcOf(next++);
      // As a client does: the same call again, elsewhere, while it gets 503 or nothing.
      for (let tries = 0; tries < 60; tries++) {
        const status = await call((server + tries) % 3, '/v1/tracks', { isrc });
        if (status === 200 || status === 201) {
          acknowledged.add(isrc);
          break;
        }
        if (status !== 503 && status !== 0) unexpected.push(status);
        await sleep(100);
      }
      await sleep(60);
    }
  };
  const loads = [0, 1, 2].map(load);
  await sleep(1_000);
  const before = acknowledged.size;
  await node(2).kill();
  await sleep(4_000);
  const without = acknowledged.size;
  await node(2).start();
  await sleep(500);
  isOver = true;
  await Promise.all(loads);

  expect([before > 0, without > before, acknowledged.size >= without]).toEqual([true, true, true]);
  const logged = servers.flatMap(({ running }) =>
    running.stdout.split('\n').filter((line) => line.includes('"level":"error"')),
  );
  expect({ unexpected, logged }).toEqual({ unexpected: [], logged: [] });
  expect(acknowledged.size).toBe(next - 40);
  const kept = await Promise.all(
    NODES.map(async (at) =>
      (await node(at).query<{ isrc: string }>('SELECT isrc FROM deadwax.track')).map(({ isrc }) => isrc),
    ),
  );
  for (const isrcs of kept) {
    expect(isrcs.sort()).toEqual(kept[0]?.sort());
    expect([...acknowledged].filter((isrc) => !isrcs.includes(isrc))).toEqual([]);
  }
  // The server of that node serves again, without a restart.
  const deadline = Date.now() + 10_000;
  while ((await call(2, '/health/ready')) !== 200 && Date.now() < deadline) await sleep(100);
  expect(await call(2, `/v1/tracks/${isrcOf(40)}`)).toBe(200);
});

it('deadwax doctor tells how a node does in its cluster, and that it is read-only', async () => {
  const doctor = async (at: 0 | 1 | 2) => {
    const running = service.start({ DATABASE_URL: node(at).url('deadwax') }, { args: ['doctor', '--json'] });
    await running.ended;
    const { findings } = JSON.parse(running.stdout) as { findings: Finding[] };
    return findings.filter(({ check }) => check === 'database');
  };
  await node(2).query("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'");
  const isApart = async () =>
    (await node(2).status('wsrep_cluster_status')) !== 'Primary' &&
    (
      await Promise.all(
        ([0, 1] as const).flatMap((at) => [
          node(at).status('wsrep_cluster_size'),
          node(at).status('wsrep_local_state_comment'),
        ]),
      )
    ).join() === '2,Synced,2,Synced';
  await until('a node that is apart', isApart, 60_000);
  await node(1).query('SET GLOBAL wsrep_desync = ON');
  await node(1).query('SET GLOBAL read_only = ON');
  const [good, readOnly, apart] = await Promise.all(NODES.map(doctor));
  await node(2).query("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'");
  await node(1).query('SET GLOBAL read_only = OFF');
  await node(1).query('SET GLOBAL wsrep_desync = OFF');
  const told = (findings: Finding[] = []) => findings.map(({ status, message }) => `${status}: ${message}`);
  expect(told(good)).toContain('ok: the node sees 2 of its cluster, is Primary and Synced');
  expect(told(good).filter((each) => each.startsWith('error'))).toEqual([]);
  expect(told(readOnly)).toContain('warning: the node sees 2 of its cluster, is Primary and Donor/Desynced');
  expect(told(readOnly)).toContain('error: the server is read-only');
  expect(told(apart)).toEqual([
    expect.stringMatching(/^error: the node sees [01] of its cluster, is non-Primary and \w+$/),
  ]);
  await until('the whole cluster', async () => (await node(0).status('wsrep_cluster_size')) === '3', 60_000);
});

it('D11 schema and statements keep to the rules of Galera, TiDB and Vitess', async () => {
  const askIn = (database: string) => (statement: string) =>
    node(0).query<{ name: string }>(statement, database);
  expect(await schemaFindings(askIn('deadwax'))).toEqual({});
  // Whichever server has migrated that one, here the first node hears of it.
  await node(0).query('CREATE DATABASE anew');
  await (await openMigrated(node(0).url('anew'))).destroy();
  expect(await call(0, '/v1/imports', { isrcs: [isrcOf(0)] })).toBe(202);
  const statements = async () =>
    (
      await node(0).query<{ name: string }>(
        "SELECT CONVERT(argument USING utf8mb4) AS name FROM mysql.general_log WHERE command_type IN ('Query', 'Prepare', 'Execute')",
      )
    ).map(({ name }) => name);
  const kinds = [/^CREATE TABLE `?track`?/, /^INSERT .*INTO `?track`?\b/, /upstream_budget/, /import_row/];
  await until('statements of every kind', async () => {
    const heard = await statements();
    return kinds.every((kind) => heard.some((each) => kind.test(each)));
  });
  expect((await statements()).filter((each) => FORBIDDEN_STATEMENTS.test(each))).toEqual([]);
  expect('SELECT id FROM import FOR UPDATE SKIP LOCKED').toMatch(FORBIDDEN_STATEMENTS);

  // The questions do find what breaks the rules.
  await node(0).query('CREATE DATABASE broken CHARACTER SET utf8mb4 COLLATE utf8mb4_bin');
  for (const { breach } of SCHEMA_RULES) await node(0).query(breach, 'broken');
  expect(Object.keys(await schemaFindings(askIn('broken')))).toEqual(SCHEMA_RULES.map(({ what }) => what));
});
