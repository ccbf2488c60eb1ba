import { cpus, platform, totalmem } from 'node:os';

/** The machine in words: nothing that names it. */
export function describeMachine(versions: readonly string[]): string {
  const cores = cpus();
  const model = (cores[0]?.model ?? 'unknown processor').replace(/\s+/g, ' ').trim();
  const memory = Math.round(totalmem() / 2 ** 30);
  const system = { linux: 'Linux', darwin: 'macOS' }[platform() as string] ?? platform();
  return [`${cores.length} cores (${model})`, `${memory} GiB`, system, `Node.js ${process.versions.node}`, ...versions].join(', '); // prettier-ignore
}
