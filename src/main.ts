import 'reflect-metadata';
import cluster from 'node:cluster';
import './config/config.module'; // reads .env
import { settingsWithSource } from './config/settings';
import { startTelemetry } from './observability/start-telemetry';

void main();

/** Agents first: they follow only what is loaded after them. The process above workers serves nothing, and has none. */
async function main(): Promise<void> {
  const settings = givenSettings();
  const isPrimary = cluster.isPrimary && (settings?.workers ?? 1) > 1;
  if (settings !== null && !isPrimary) await startTelemetry(settings);
  const { serve } = await import('./serve.js');
  await serve();
}

/** Null where they are wrong, which `serve` says. */
function givenSettings() {
  try {
    return settingsWithSource();
  } catch {
    return null;
  }
}
