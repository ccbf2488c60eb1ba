import { inspect } from 'node:util';
import { SourceError } from '../recording/recording-source';
import {
  failureOf,
  parseJson,
  SpotifyFaultError,
  SpotifyForbiddenError,
  SpotifyOutageError,
  SpotifyRateLimitError,
  transportFailure,
} from './spotify-failures';

const NOW_MS = Date.parse('2026-11-22T12:00:00Z');

function failure(status: number, body = '', retryAfter?: string): Error {
  return failureOf('Spotify', { status, body, retryAfter, etag: undefined }, NOW_MS);
}

function codedError(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

describe('failureOf', () => {
  it.each([
    ['{"error":{"status":429,"message":"API rate limit exceeded"}}', '3', 3, false],
    ['Too many requests', '19056', 19_056, false],
    ['', undefined, 30, false],
    ['{"error":{"status":429,"message":"API rate limit exceeded"}}', '0', 1, false],
    [
      '{"error":{"status":429,"message":"Too many requests","reason":"QUOTA_EXCEEDED"}}',
      '48925',
      48_925,
      true,
    ],
    [
      '{"error":{"status":429,"message":"Too many requests","reason":"QUOTA_EXCEEDED"}}',
      undefined,
      3600,
      true,
    ],
  ])('takes 429 with %p and Retry-After %p as a wait of %p s', (body, retryAfter, seconds, isQuota) => {
    const error = failure(429, body, retryAfter);
    expect(error).toBeInstanceOf(SpotifyRateLimitError);
    expect(error).toMatchObject({ retryAfterSeconds: seconds, waitSeconds: seconds, isQuota });
  });

  it.each([500, 502, 503, 504, 520])('takes %p as an outage worth another try', (status) => {
    expect(failure(status)).toMatchObject({
      constructor: SpotifyOutageError,
      retryAfterSeconds: 5,
      toldSeconds: 0,
    });
    expect(failure(status, '', '90')).toMatchObject({ retryAfterSeconds: 90, toldSeconds: 90 });
    expect(failure(status, '', '99999999')).toMatchObject({ retryAfterSeconds: 86_400 });
  });

  it.each([
    ['86400', false],
    ['86401', true],
    ['soon', false],
    [undefined, false],
  ])('believes no Retry-After of more than a day (%p)', (retryAfter, isAbsurd) => {
    expect(failure(429, '', retryAfter)).toMatchObject({ isAbsurd });
  });

  it('takes 403 for a fault that somebody has to mend where it tells of the subscription', () => {
    const said = 'Active premium subscription required for the owner of the app.';
    for (const body of [said, JSON.stringify({ error: { status: 403, message: said } })])
      expect(failure(403, body)).toBeInstanceOf(SpotifyFaultError);
    const forbidden = '{"error":{"status":403,"message":"Forbidden"}}';
    expect(failure(403, forbidden)).toBeInstanceOf(SpotifyForbiddenError);
  });

  it.each([204, 301, 302, 400, 403, 404, 408, 451])('takes %p as an answer that cannot be used', (status) => {
    expect(failure(status)).toBeInstanceOf(SourceError);
  });

  it('keeps what Spotify says for the log, without anything like a token', () => {
    const message = `Invalid market code ${'BQ'.repeat(60)}`;
    const error = failure(400, JSON.stringify({ error: { status: 400, message } }));
    expect(error.message).not.toContain('market');
    expect((error.cause as Error).message).toBe('Spotify answered 400: Invalid market code [cut]');
  });

  it.each(['null', '7', '"text"', '[]', '{"error":null}', '{"error":{"message":7}}'])(
    'bears the body %p',
    (body) => {
      expect(failure(400, body)).toBeInstanceOf(SourceError);
    },
  );
});

describe('transportFailure', () => {
  it.each(['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'ETIMEDOUT'])(
    'takes %s as an outage',
    (code) => {
      expect(transportFailure('Spotify', codedError(code))).toBeInstanceOf(SpotifyOutageError);
    },
  );

  it.each([
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ])('takes %s as a fault that somebody has to mend', (code) => {
    expect(transportFailure('Spotify', codedError(code))).toBeInstanceOf(SpotifyFaultError);
  });

  it.each(['Z_DATA_ERROR', 'HPE_INVALID_CONSTANT'])('takes %s as an answer that cannot be used', (code) => {
    expect(transportFailure('Spotify', codedError(code))).toMatchObject({ constructor: SourceError });
  });

  it('keeps neither the request nor credentials in an address', () => {
    const raw = Object.assign(codedError('ECONNREFUSED', 'connect to http://user:hunter2@proxy:3128'), {
      config: { headers: { Authorization: 'Basic hunter3' } },
      request: { _header: 'Authorization: Basic hunter3' },
    });
    const shown = inspect(transportFailure('Spotify', raw), { depth: 10, showHidden: true });
    expect(shown).toContain('connect to http://proxy:3128');
    expect(shown).not.toContain('hunter');
  });
});

describe('parseJson', () => {
  it('gives the value', () => {
    expect(parseJson('Spotify', '{"a":[1]}')).toEqual({ a: [1] });
  });

  it.each(['', '  ', '<!doctype html><h1>Bad gateway</h1>', '{"access_token":"BQsecret', 'undefined'])(
    'refuses %p without repeating it',
    (body) => {
      let error: unknown;
      try {
        parseJson('Spotify', body);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(SourceError);
      const shown = inspect(error, { depth: 10, showHidden: true });
      expect(shown).not.toContain('BQsecret');
      expect(shown).not.toContain('doctype');
    },
  );
});
