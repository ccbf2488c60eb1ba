import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

/* The shell in the workflows and beside them: what a linter sees, and what the deployment does when something fails. */

const ROOT = join(__dirname, '..', '..');
const WORKFLOWS = join(ROOT, '.github', 'workflows');

interface Step {
  name?: string;
  id?: string;
  run?: string;
  if?: string;
}
const stepsOf = (workflow: string): Step[] =>
  Object.values(
    (parse(readFileSync(join(WORKFLOWS, workflow), 'utf8')) as { jobs: Record<string, { steps?: Step[] }> })
      .jobs,
  ).flatMap(({ steps = [] }) => steps);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'deadwax-scripts-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What shellcheck says of scripts, and bash of what it cannot read. */
function faultsIn(files: readonly string[]): string[] {
  const unreadable = files.flatMap((file) => spawnSync('bash', ['-n', file], { encoding: 'utf8' }).stderr);
  const { stdout, stderr } = spawnSync(
    'shellcheck',
    ['--shell=bash', '--severity=warning', '--format=gcc', ...files],
    { encoding: 'utf8', env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/bin` } },
  );
  return [...unreadable, stdout, stderr].join('').split('\n').filter(Boolean);
}

it('every script of the workflows and beside them is one in which bash and shellcheck find no fault', () => {
  const scripts = readdirSync(WORKFLOWS).flatMap((workflow) =>
    stepsOf(workflow).flatMap(({ run }, at) => {
      if (run === undefined) return [];
      const file = join(folder, `${workflow}-${at}.sh`);
      writeFileSync(file, run);
      return [file];
    }),
  );
  expect(scripts.length).toBeGreaterThan(20);
  expect(
    faultsIn([
      ...scripts,
      join(ROOT, '.ci', 'run'),
      join(ROOT, 'deploy', 'test-image.sh'),
      join(ROOT, 'scripts', 'test-previous.sh'),
    ]),
  ).toEqual([]);
  const broken = join(folder, 'broken.sh');
  writeFileSync(broken, 'rm -rf "$folder"/*\nif true; then\n');
  expect(faultsIn([broken]).join('\n')).toMatch(/unexpected end of file[^]*SC1073/);
});

it('npm test runs on what another version has migrated where scripts/test-previous.sh names one', () => {
  const migrator = join(folder, 'migrator.cjs');
  writeFileSync(migrator, `console.error('asked to', ...process.argv.slice(2)); process.exitCode = 1;`);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'test', 'run.mjs'), '--selectProjects', 'sqlite', '--testPathPatterns', 'medium/idempotency'],
    { encoding: 'utf8', timeout: 60_000, env: { ...process.env, DEADWAX_TEST_MIGRATED_BY: migrator } },
  );
  expect([status, stdout + stderr]).toEqual([1, expect.stringContaining('asked to migrate')]);
});

/** Answers as the cluster of a case would, and writes down what it was asked. */
const KUBECTL = `#!/usr/bin/env bash
echo "$*" >>"$CALLS"
case "$1 $2" in
  'get deployment') printf '%s' "$REVISION" ;;
  'get job') printf '%s' "$JOB" ;;
  'apply --filename') [[ "$*" == *--selector* ]] || exit "$APPLY" ;;
  'rollout status') exit "$STATUS" ;;
esac
`;

describe('the deployment', () => {
  const steps = stepsOf('deploy.yml');
  const stepNamed = (name: string): Step => {
    const step = steps.find((each) => each.name === name);
    if (step?.run === undefined) throw new Error(`no step ${name}`);
    return step;
  };
  let at = 0;

  /** Runs a step as GitHub does; `before` is what the rollout handed on. */
  function runStep(name: string, cluster: Record<string, string>, before = '') {
    const home = join(folder, `run-${at++}`);
    mkdirSync(home);
    writeFileSync(join(home, 'kubectl'), KUBECTL, { mode: 0o755 });
    const [script, calls, output] = ['step.sh', 'calls', 'output'].map((each) => join(home, each)) as [
      string,
      string,
      string,
    ];
    writeFileSync(script, stepNamed(name).run ?? '');
    for (const file of [calls, output]) writeFileSync(file, '');
    const { status } = spawnSync('bash', ['-e', script], {
      env: {
        PATH: `${home}:${process.env['PATH'] ?? ''}`,
        ...{ NAMESPACE: 'deadwax-staging', RUNNER_TEMP: home, GITHUB_OUTPUT: output, CALLS: calls },
        ...{ REVISION: '', JOB: '', APPLY: '0', STATUS: '0', BEFORE: before, ...cluster },
      },
    });
    return {
      status,
      calls: readFileSync(calls, 'utf8').trim().split('\n'),
      output: readFileSync(output, 'utf8').trim(),
    };
  }

  it('migrates before servers are replaced, and replaces none where that failed', () => {
    const done = runStep('Migrate', { JOB: 'SuccessCriteriaMet Complete' });
    expect(done.status).toBe(0);
    expect(done.calls.map((call) => call.replace(/--filename \S+ /, '').replace(/ --output.*/, ''))).toEqual([
      'delete job deadwax-migrate --namespace deadwax-staging --ignore-not-found --wait',
      'apply --selector !app.kubernetes.io/component',
      'apply --selector app.kubernetes.io/component=migration',
      'get job deadwax-migrate --namespace deadwax-staging',
    ]);
    const failed = runStep('Migrate', { JOB: 'FailureTarget Failed' });
    expect(failed.status).toBe(1);
    expect(failed.calls.at(-1)).toBe('logs job/deadwax-migrate --namespace deadwax-staging');
    const names = steps.map(({ name }) => name);
    expect(names.indexOf('Roll out')).toBeGreaterThan(names.indexOf('Migrate'));
  });

  it.each([
    ['the servers do not become ready', { REVISION: '7', STATUS: '1' }],
    ['nothing was changed', { REVISION: '7', APPLY: '1' }],
  ])('goes back to the release that was there where %s, and not to the one before it', (_, cluster) => {
    const rollout = runStep('Roll out', cluster);
    expect([rollout.status, rollout.output]).toEqual([1, 'before=7']);
    const { status, calls } = runStep('Roll back', {}, '7');
    expect([status, calls[0]]).toEqual([
      0,
      'rollout undo deployment/deadwax --namespace deadwax-staging --to-revision=7',
    ]);
    const { if: condition } = stepNamed('Roll back');
    expect(condition).toContain("failure() && steps.rollout.outcome == 'failure'");
  });

  it('has nothing to go back to at the first time', () => {
    expect(runStep('Roll out', { STATUS: '1' }).output).toBe('before=');
    expect(stepNamed('Roll back').if).toContain("steps.rollout.outputs.before != ''");
  });
});
