import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiError } from './spotify-errors';
import { jsonReply, Reply } from './http-reply';
import { Json } from './track-json';

const FOLDER = join(__dirname, 'fixtures');

/** One line of fixtures/errors.json. */
export interface RecordedError {
  name: string;
  host: 'accounts' | 'api';
  status: number;
  headers: Record<string, string>;
  body: Json | string;
}

/** The recorded bodies, by file name without `.json`. */
export function fixtureNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json') && file !== 'errors.json')
    .map((file) => file.slice(0, -'.json'.length));
}

/** A recorded body; files that also hold request and headers are reduced to the body. */
export function recordedBody(name: string): Json {
  const file = join(FOLDER, `${name.replace(/\.json$/, '')}.json`);
  if (!existsSync(file)) throw new Error(`No fixture named ${name}`);
  const content = JSON.parse(readFileSync(file, 'utf8')) as Json;
  return 'request' in content ? (content['body'] as Json) : content;
}

/** The error answers that were gathered from the field (fixtures/errors.json). */
export function recordedErrors(): RecordedError[] {
  return JSON.parse(readFileSync(join(FOLDER, 'errors.json'), 'utf8')) as RecordedError[];
}

/** One of them as an answer. */
export function recordedError(name: string): Reply {
  const found = recordedErrors().find((error) => error.name === name);
  if (found === undefined) throw new Error(`No recorded error named ${name}`);
  const { 'content-length': _computed, ...headers } = found.headers;
  const body = typeof found.body === 'string' ? found.body : JSON.stringify(found.body);
  return { status: found.status, headers, body };
}

/**
 * A recorded search page. Only first pages were recorded, so a call for another offset gets an empty page that keeps
 * the recorded `total`.
 */
export function recordedPage(name: string, offset: number): Reply {
  const body = recordedBody(name);
  const [key, page] = Object.entries(body)[0] ?? [];
  if (key === undefined || !isPage(page)) return apiError(500, `Fixture ${name} is no search page`);
  if (offset === page.offset) return jsonReply(body);
  return jsonReply({ [key]: { ...page, items: [], offset, next: null, previous: page.href } });
}

function isPage(value: unknown): value is { offset: number; href: string } {
  return typeof value === 'object' && value !== null && 'offset' in value && 'href' in value;
}
