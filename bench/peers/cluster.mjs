/** Runs a peer in `BENCH_WORKERS` processes on one port; in this one alone where that is 1. */
import cluster from 'node:cluster';
import { pathToFileURL } from 'node:url';

const workers = Number(process.env.BENCH_WORKERS ?? 1);
if (cluster.isPrimary && workers > 1) {
  for (let at = 0; at < workers; at += 1) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  process.on('SIGTERM', () => process.exit(0));
  process.on('disconnect', () => process.exit(0));
  await import(pathToFileURL(process.argv[2]).href);
}
