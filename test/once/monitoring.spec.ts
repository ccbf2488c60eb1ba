import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment } from '../support/app';
import { type BuiltService, buildService } from '../support/built-service';
import { ensureBinaries } from '../support/servers/binaries.mjs';

jest.setTimeout(240_000);

const MONITORING = join(__dirname, '..', '..', 'deploy', 'monitoring');
const TOKEN = 'a-token-of-the-monitoring-tests-00';
/** Of exporters that watch Deadwax from outside, and of Prometheus itself. */
const OF_OTHERS = ['up', 'probe_ssl_earliest_cert_expiry'];

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert?: string;
      readonly record?: string;
      readonly expr: string;
      readonly annotations?: { readonly runbook: string };
    }[];
  }[];
}
interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
}

const read = (file: string) => readFileSync(join(MONITORING, file), 'utf8');
const rules = (parse(read('rules.yml')) as Rules).groups.flatMap((group) => group.rules);
const alerts = rules.flatMap(({ alert }) => alert ?? []);
const records = rules.flatMap(({ record }) => record ?? []);
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...(JSON.parse(read('dashboard.json')) as Dashboard).panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr),
  ),
];
/** Every metric named with its labels: `name{label="…"}`. */
const selectors = expressions.flatMap((expr) =>
  [...expr.matchAll(/([a-z_:]+)\{([^}]*)\}/g)].map(([, name = '', labels = '']) => ({
    name,
    labels: [...labels.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label),
  })),
);

let prometheus: { server: string; promtool: string };
beforeAll(() => {
  const { server, init } = ensureBinaries(['prometheus'])['prometheus'] ?? {};
  prometheus = { server: server ?? '', promtool: init ?? '' };
});

interface RuleTests {
  readonly evaluation_interval: string;
  readonly tests: readonly {
    readonly interval: string;
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

it('has rules that raise each alert, and raise none just short of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'deadwax-rules-'));
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(prometheus.promtool, args, {
      cwd: folder,
      encoding: 'utf8',
    });
    expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, '']);
  };
  const written = parse(read('rules.test.yml')) as RuleTests;
  try {
    cpSync(join(MONITORING, 'rules.yml'), join(folder, 'rules.yml'));
    run('check', 'rules', '--lint-fatal', 'rules.yml');
    // Those over days evaluate the rules as often as they have samples: each minute takes promtool two minutes.
    for (const interval of new Set(written.tests.map((test) => test.interval))) {
      const tests = written.tests.filter((test) => test.interval === interval);
      const file = `rules.${interval}.test.yml`;
      writeFileSync(join(folder, file), JSON.stringify({ ...written, evaluation_interval: interval, tests }));
      run('test', 'rules', file);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const tried = (isRaised: boolean) =>
    new Set(
      written.tests
        .flatMap((test) => test.alert_rule_test)
        .filter(({ exp_alerts }) => exp_alerts.length > 0 === isRaised)
        .map(({ alertname }) => alertname),
    );
  for (const isRaised of [true, false]) expect(tried(isRaised)).toEqual(new Set(alerts));
});

it('has a section of the run book for each alert, and none besides', () => {
  const book = readFileSync(join(MONITORING, '..', '..', 'docs', 'operations.md'), 'utf8');
  const sections = [...book.matchAll(/^### (Deadwax\w+)\n\n\S/gm)].map(([, title]) => title);
  expect(sections.sort()).toEqual([...alerts].sort());
  for (const { alert, annotations } of rules) {
    if (alert !== undefined) expect(annotations?.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
  }
});

describe('Prometheus, beside a running service', () => {
  let service: BuiltService;
  let fake: Awaited<ReturnType<typeof startSpotifyFake>>;
  let ask: (path: string) => Promise<unknown>;
  let server: ChildProcess | undefined;

  beforeAll(async () => {
    service = buildService();
    fake = await startSpotifyFake();
    const cwd = service.folder();
    const running = service.start(
      {
        ...spotifyEnvironment(fake),
        SPOTIFY_REQUESTS_PER_30S: '100',
        SPOTIFY_REQUESTS_PER_DAY: '500',
        AUTH_BOOTSTRAP_TOKEN: TOKEN,
        AUTH_JWT_ISSUER: 'http://127.0.0.1:9',
        AUTH_JWT_AUDIENCE: 'deadwax',
        DATABASE_URL: 'sqlite:./deadwax.db',
      },
      { cwd },
    );
    const [, url = ''] = await running.says(/Deadwax is ready at (http:\S+)/);
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    await fetch(`${url}/v1/tracks`, { method: 'POST', headers, body: '{"isrc":"USQX91300108"}' });
    await fetch(`${url}/v1/tracks/USQX91300108`, { headers });

    const config = parse(read('prometheus.yml')) as {
      global: object;
      rule_files: string[];
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    config.global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
    config.rule_files = [join(MONITORING, 'rules.yml')];
    const [job] = config.scrape_configs;
    if (job !== undefined) job.static_configs = [{ targets: [new URL(url).host] }];
    writeFileSync(join(cwd, 'prometheus.yml'), JSON.stringify(config));
    writeFileSync(join(cwd, 'deadwax-token'), TOKEN);
    const address = `127.0.0.1:${await freePort()}`;
    server = spawn(
      prometheus.server,
      [`--web.listen-address=${address}`, '--config.file=prometheus.yml', '--storage.tsdb.path=tsdb'],
      { cwd, stdio: 'ignore' },
    );
    ask = async (path) =>
      ((await (await fetch(`http://${address}/api/v1/${path}`)).json()) as { data: unknown }).data;
  });
  afterAll(async () => {
    if (server !== undefined) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    await service.remove();
    await fake.stop();
  });

  const count = async (query: string): Promise<number> => {
    const { result } = (await ask(`query?query=${encodeURIComponent(query)}`)) as { result: unknown[] };
    return result.length;
  };

  it('scrapes it, and evaluates all rules', async () => {
    const isUp = () => count('up{job="deadwax"} == 1 and count_over_time(up[1m]) >= 3').catch(() => 0);
    const deadline = Date.now() + 60_000;
    while ((await isUp()) === 0 && Date.now() < deadline) await sleep(200);
    expect(await isUp()).toBe(1);
    interface Seen {
      readonly name: string;
      readonly health: string;
      readonly state?: string;
      readonly lastError?: string;
    }
    const seen = async () =>
      ((await ask('rules')) as { groups: { rules: Seen[] }[] }).groups.flatMap((group) => group.rules);
    while ((await seen()).some(({ health }) => health === 'unknown') && Date.now() < deadline)
      await sleep(200);
    const all = await seen();
    expect(all).toHaveLength(rules.length);
    expect(all.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(all.filter(({ state }) => state === 'firing')).toEqual([]);
  });

  it('finds every metric of ours in the README, and none besides', async () => {
    const readme = readFileSync(join(MONITORING, '..', '..', 'README.md'), 'utf8');
    const section = /^## Metrics\n([^]*?)^## /m.exec(readme)?.[1] ?? '';
    const told = [...section.matchAll(/`(deadwax_\w+)`/g)].map(([, name = '']) => name);
    const metadata = Object.keys((await ask('metadata')) as object);
    expect(told.sort()).toEqual(metadata.filter((name) => name.startsWith('deadwax_')).sort());
  });

  it('finds every metric and every label that dashboard and rules name', async () => {
    const names = (await ask('label/__name__/values')) as string[];
    const metadata = Object.keys((await ask('metadata')) as object);
    const isKnown = (name: string) =>
      names.includes(name) || metadata.includes(name.replace(/_(bucket|count|sum)$/, ''));
    const named = new Set(
      expressions.flatMap((expr) => expr.match(/\b(deadwax|process|nodejs|probe)[a-z_:0-9]+|\bup\b/g) ?? []),
    );
    expect(named.size).toBeGreaterThan(40);
    for (const name of named) {
      if (![...OF_OTHERS, ...records].includes(name) && !name.startsWith('deadwax-'))
        expect([name, isKnown(name)]).toEqual([name, true]);
    }
    for (const { name, labels } of selectors) {
      if (OF_OTHERS.includes(name) || !names.includes(name)) continue;
      for (const label of labels)
        expect([name, label, await count(`${name}{${label}!=""}`)]).not.toEqual([name, label, 0]);
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
