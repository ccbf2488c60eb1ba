/**
 * Runs a program for as long as somebody holds the other end of stdin, then kills it: nothing that a test starts outlives
 * the test, however that ends. Usage: node leash.mjs COMMAND-AS-JSON; says the program's process id on stdout.
 */
import { spawn } from 'node:child_process';

const { command, cwd, env, uid, gid } = JSON.parse(process.argv[2]);
const [program, ...args] = command;
// A group of its own: its scripts (state transfers of Galera) go with it.
const child = spawn(program, args, { cwd, env, uid, gid, stdio: ['ignore', 2, 2], detached: true });
const kill = () => {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
};
child.once('exit', (code) => {
  kill();
  process.exit(code ?? 128);
});
child.once('error', () => process.exit(127));
process.stdin.on('data', () => {}).on('close', kill);
process.stdin.on('error', kill);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, kill);
process.stdout.on('error', () => {});
process.stdout.write(`${child.pid}\n`);
