import {
  BadRequestException,
  HttpException,
  NotFoundException,
  PayloadTooLargeException,
} from '@nestjs/common';
import fc from 'fast-check';
import { errorCodes } from 'fastify';
import { readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { join } from 'node:path';
import { AppError } from './app-error';
import { describeProblem, pathOf, toAppError } from './problem';
import { PROBLEMS, type ProblemSlug } from './problem-catalogue';

const REQUEST = { id: 'request-1', url: '/v1/tracks?artist=secret' };
const SLUGS = Object.keys(PROBLEMS) as ProblemSlug[];

const slugOf = (thrown: unknown): ProblemSlug => toAppError(thrown).slug;
const withCode = (code: string, more: object = {}) =>
  Object.assign(new Error(`driver says ${code}`), { code, ...more });

describe('the catalogue', () => {
  it.each(SLUGS)('%s has a slug, a status, a title and an explanation', (slug) => {
    const { status, title, explanation } = PROBLEMS[slug];
    expect(slug).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(STATUS_CODES[status]).toBeDefined();
    expect(title).toMatch(/^[A-Z][^.]+$/);
    expect(explanation).toMatch(/^[A-Z][^]+\.$/);
  });

  it('gives no two problems the same title', () => {
    expect(new Set(SLUGS.map((slug) => PROBLEMS[slug].title)).size).toBe(SLUGS.length);
  });

  it("is what README's table says, both ways", () => {
    const rows = readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8').split('\n');
    const told = rows.flatMap((row) => {
      const [, slug, status] = /^\| `([a-z-]+)` +\| (\d{3}) +\|/.exec(row) ?? [];
      return slug === undefined ? [] : [[slug, Number(status)]];
    });
    expect(Object.fromEntries(told)).toEqual(
      Object.fromEntries(SLUGS.map((slug) => [slug, PROBLEMS[slug].status])),
    );
    expect(told).toHaveLength(SLUGS.length);
  });
});

describe('toAppError', () => {
  it('leaves our own errors as they are', () => {
    const error = new AppError('conflict', 'It is.');
    expect(toAppError(error)).toBe(error);
  });

  it.each([
    [new BadRequestException(), 'invalid-request'],
    [new NotFoundException('Cannot GET /etc/passwd'), 'not-found'],
    [new PayloadTooLargeException(), 'payload-too-large'],
    [new HttpException('x', 405), 'method-not-allowed'],
    [new HttpException('x', 406), 'not-acceptable'],
    [new HttpException('x', 408), 'request-timeout'],
    [new HttpException('x', 414), 'uri-too-long'],
    [new HttpException('x', 415), 'unsupported-media-type'],
    [new HttpException('x', 431), 'header-fields-too-large'],
    [new HttpException('x', 503), 'shutting-down'],
    [new HttpException('x', 500), 'internal'],
    [new HttpException('x', 418), 'internal'],
  ])('%s from Nest is %s', (thrown, slug) => {
    expect(slugOf(thrown)).toBe(slug);
  });

  it.each([
    [errorCodes.FST_ERR_CTP_BODY_TOO_LARGE(), 'payload-too-large'],
    [errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE('x/y'), 'unsupported-media-type'],
    [errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH(), 'invalid-request'],
    [errorCodes.FST_ERR_CTP_EMPTY_JSON_BODY(), 'invalid-request'],
    [errorCodes.FST_ERR_CTP_INVALID_JSON_BODY(), 'invalid-request'],
    [errorCodes.FST_ERR_BAD_URL('/%zz'), 'invalid-request'],
    [errorCodes.FST_ERR_NOT_FOUND(), 'not-found'],
    [errorCodes.FST_ERR_REP_ALREADY_SENT('/x', 'GET'), 'internal'],
    [Object.assign(new SyntaxError('Unexpected token'), { statusCode: 400 }), 'invalid-request'],
  ])('%s from Fastify is %s', (thrown, slug) => {
    expect(slugOf(thrown)).toBe(slug);
  });

  it.each([
    ['a refused connection', withCode('ECONNREFUSED', { errno: -111 })],
    ['a lost connection', withCode('PROTOCOL_CONNECTION_LOST')],
    ['too many connections of MySQL', withCode('ER_CON_COUNT_ERROR', { errno: 1040 })],
    ['a deadlock that outlasted every try', withCode('ER_LOCK_DEADLOCK', { errno: 1213 })],
    ['a shutdown of PostgreSQL', withCode('57P01')],
    ['any connection exception of PostgreSQL', withCode('08006')],
    ['a busy file', withCode('SQLITE_BUSY')],
    ['a connection that pg ended without a code', new Error('Connection terminated unexpectedly')],
    ['a host with several addresses', new AggregateError([withCode('ECONNREFUSED')])],
  ])('tells of %s as database-unavailable, and when to come back', (_, thrown) => {
    expect(toAppError(thrown)).toMatchObject({
      slug: 'database-unavailable',
      retryAfterSeconds: 2,
      cause: thrown,
    });
  });

  it.each([
    ['a defect of ours', new TypeError('x is not a function')],
    ['a duplicate that nobody foresaw', withCode('SQLITE_CONSTRAINT_PRIMARYKEY')],
    ['a value too long for its column', withCode('ER_DATA_TOO_LONG', { errno: 1406 })],
    ['a syntax error in SQL', withCode('42601')],
    ['a SyntaxError that is not the caller’s', new SyntaxError('Unexpected token')],
    ['a status without a code of Fastify', Object.assign(new Error('x'), { statusCode: 404 })],
    ['a text', 'oops'],
    ['nothing', undefined],
    ['null', null],
    ['a number', 404],
  ])('tells of %s as internal, and keeps the cause for the log', (_, thrown) => {
    const error = toAppError(thrown);
    expect(error.slug).toBe('internal');
    expect(error.cause).toBe(thrown);
  });
});

describe('describeProblem', () => {
  it.each(SLUGS)('%s has the members of RFC 9457 and ours, and no other', (slug) => {
    const { status, headers, body } = describeProblem(new AppError(slug, 'What happened.'), REQUEST);
    expect(status).toBe(PROBLEMS[slug].status);
    expect(headers).toEqual({
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(body).toEqual({
      type: `/problems/${slug}`,
      title: PROBLEMS[slug].title,
      status,
      detail: 'What happened.',
      instance: '/v1/tracks',
      requestId: 'request-1',
      ...(status === 400 ? { errors: [] } : {}),
    });
  });

  it('names the fields at fault on 400, and the headers of the error', () => {
    const fields = [{ field: 'isrc', message: 'is none' }];
    const { body } = describeProblem(new AppError('invalid-isrc', 'x', { fields }), REQUEST);
    expect(body.errors).toEqual(fields);
    const { headers } = describeProblem(
      new AppError('method-not-allowed', 'x', { headers: { allow: 'GET' } }),
      REQUEST,
    );
    expect(headers).toMatchObject({ allow: 'GET', 'cache-control': 'no-store' });
  });

  it.each([
    [0, '1'],
    [0.2, '1'],
    [1, '1'],
    [1.01, '2'],
    [46_649, '46649'],
  ])('rounds a wait of %d s up to %s, never to 0', (retryAfterSeconds, header) => {
    const error = new AppError('source-unavailable', 'x', { retryAfterSeconds });
    expect(describeProblem(error, REQUEST).headers['retry-after']).toBe(header);
  });

  it('lets nothing of a cause into the answer', () => {
    const secret = fc.string({ unit: 'grapheme-ascii', minLength: 12, maxLength: 60 });
    const thrown = fc.constantFrom(
      (text: string) => new Error(text),
      (text: string) => new NotFoundException(text),
      (text: string) => new BadRequestException({ message: [text], error: text }),
      (text: string) => Object.assign(new SyntaxError(text), { statusCode: 400 }),
      (text: string) => errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(text),
      (text: string) => errorCodes.FST_ERR_BAD_URL(text),
      (text: string) => withCode('ECONNREFUSED', { address: text, message: text }),
      (text: string) => withCode('42601', { sql: text, query: text, driverError: { message: text } }),
      (text: string) => new AppError('source-error', 'Safe.', { cause: new Error(text) }),
      (text: string) => text,
      (text: string) => ({ message: text, stack: text, [text]: text }),
    );
    fc.assert(
      fc.property(secret, thrown, (text, make) => {
        const { headers, body } = describeProblem(toAppError(make(text)), REQUEST);
        expect(JSON.stringify([headers, body]).includes(JSON.stringify(text).slice(1, -1))).toBe(false);
      }),
    );
  });
});

describe('pathOf', () => {
  it.each([
    ['/v1/tracks', '/v1/tracks'],
    ['/v1/tracks?cursor=x', '/v1/tracks'],
    ['/v1/tracks?a=b?c#d', '/v1/tracks'],
    ['/v1/tracks#x?y', '/v1/tracks'],
    ['?x', ''],
    ['', ''],
  ])('of %j is %j', (url, path) => {
    expect(pathOf(url)).toBe(path);
  });

  it('is cut', () => {
    expect(pathOf(`/${'x'.repeat(9000)}`)).toHaveLength(500);
  });
});
