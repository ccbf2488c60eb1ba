import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensureBinaries } from './binaries.mjs';

const GUARDIAN = fileURLToPath(new URL('guardian.mjs', import.meta.url));

/**
 * Starts one private server for each engine ('mariadb', 'postgres', 'redis'), side by side.
 * They end with this process, however it ends; `stop()` is for those who want to wait for it.
 * @returns {Promise<{ servers: Record<string, { url: string, pid: number, folder: string }>, stop(): Promise<void> }>}
 */
export async function startServers(engines) {
  const programs = ensureBinaries(engines);
  const guardians = engines.map((engine) => startGuardian(engine, programs[engine]));
  const stop = async () => void (await Promise.all(guardians.map((guardian) => guardian.stop())));
  try {
    const answers = await Promise.all(guardians.map((guardian) => guardian.ready));
    return { servers: Object.fromEntries(engines.map((engine, index) => [engine, answers[index]])), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startGuardian(engine, programs) {
  const child = spawn(process.execPath, [GUARDIAN, engine, JSON.stringify(programs)], {
    // Stdin is the line that the guardian holds on to: nothing is ever written, its end is the message.
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const exited = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`the guardian of ${engine} ended with code ${code}`)));
    createInterface({ input: child.stdout }).once('line', (line) => {
      const { error, ...server } = JSON.parse(line);
      if (error === undefined) resolve(server);
      else reject(new Error(error));
    });
  });
  child.stdin.on('error', () => {});
  return {
    ready,
    async stop() {
      child.stdin.destroy();
      await exited;
    },
  };
}
