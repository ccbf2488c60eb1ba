import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, TestApp } from './app';

/** Sends an upload; with the admin token. */
export function upload(
  service: TestApp,
  type: string,
  body: string,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return service.call('POST', `/v1/imports${query}`, { body, headers: { 'content-type': type, ...headers } });
}

/** The import once `is` holds of it. */
export async function importWhen(
  service: TestApp,
  id: string,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as `Answer` has it
  is: (view: any) => boolean,
  withinMs = 60_000,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as `Answer` has it
): Promise<any> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const answer = await service.call('GET', `/v1/imports/${id}`);
    const body = answer.body as { total: number; processed: number; counts: Record<string, number> };
    const sum = Object.values(body.counts).reduce((all, each) => all + each, 0);
    if (sum !== body.total || body.processed !== body.total - (body.counts['pending'] ?? 0))
      throw new Error(`the counts do not add up: ${JSON.stringify(body)}`);
    if (is(body)) return body;
    if (Date.now() > untilMs) throw new Error(`waited for nothing: ${JSON.stringify(body)}`);
    await sleep(25);
  }
}

/** The import once nothing is left to do for it. */
export const finished = (service: TestApp, id: string) =>
  importWhen(service, id, ({ status }) => ['completed', 'cancelled', 'failed'].includes(status as string));

/** Codes of the sample catalogue. */
export const SAMPLES = ['USWB10102873', 'ATE611000002', 'ATN262320701', 'AUCR10410001'];
