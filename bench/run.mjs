/** What `npm run bench` runs: installs and compiles what is missing, builds the service, and measures. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('.', import.meta.url));
const root = join(bench, '..');
const resolve = createRequire(import.meta.url).resolve;

if (!existsSync(join(bench, 'node_modules'))) run('npm', ['ci', '--no-audit'], bench);
run('npm', ['run', '--silent', 'build'], root);
run(process.execPath, [resolve('typescript/bin/tsc'), '-p', join(bench, 'peers', 'nest-express')], root);
run(
  process.execPath,
  [
    '-r',
    join(root, 'test', 'support', 'require-typescript.cjs'),
    join(bench, 'main.ts'),
    ...process.argv.slice(2),
  ],
  root,
);

function run(program, args, cwd) {
  const { status } = spawnSync(program, args, { cwd, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
