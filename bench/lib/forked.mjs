import { fork } from 'node:child_process';

/** A part of a bench in a process of its own, with nothing of this environment but where programs are, and no limits on callers. */
export function startApart(file, settings) {
  return fork(file, {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      CLIENT_REQUESTS_PER_MINUTE: '0',
      ...settings,
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/** The next that the process says. Fails where it ends before. */
export function message(child) {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error('a part of the bench ended early'));
    child.once('exit', fail);
    child.once('message', (told) => {
      child.off('exit', fail);
      resolve(told);
    });
  });
}

/** The CPU time that the process says it has used, in µs. */
export async function cpuOf(child) {
  const answer = message(child);
  child.send('cpu');
  return (await answer).cpuMicros;
}

export function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
