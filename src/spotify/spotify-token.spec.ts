import { Readable } from 'node:stream';
import { HttpService } from '@nestjs/axios';
import { Logger } from '@nestjs/common';
import { SourceError, SourceUnavailableError } from '../recording/recording-source';
import { SpotifyCounters } from './spotify-counters';
import type { SpotifyRateLimitError } from './spotify-failures';
import type { SpotifyGate } from './spotify-gate';
import { SpotifyToken } from './spotify-token';
import { SpotifyWatch } from './spotify-watch';

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** A token client whose calls are answered by `replies` in turn, and a clock to move. */
function tokenWith(...replies: Reply[]) {
  const post = jest.fn<Promise<unknown>, [url: string, form: string, options: object]>(() => {
    const { status, body } = replies.shift() ?? { status: 500, body: 'no reply left' };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return Promise.resolve({ status, headers: {}, data: Readable.from([Buffer.from(text)]) });
  });
  const clock = { seconds: 1_000_000 };
  const now = () => clock.seconds * 1000;
  const noteLimit = jest.fn<Promise<void>, [SpotifyRateLimitError]>(() => Promise.resolve());
  const token = new SpotifyToken(
    { axiosRef: { post } } as unknown as HttpService,
    { noteLimit } as unknown as SpotifyGate,
    new SpotifyWatch(new SpotifyCounters(), now, now),
    {
      clientId: 'the-id',
      clientSecret: 'the-secret',
      apiUrl: 'http://api.test/v1',
      accountsUrl: 'http://accounts.test',
      markets: [],
      maxPages: 10,
      requestsPer30s: 0,
      requestsPerDay: 0,
      timeoutMs: 1000,
    },
    now,
    now,
  );
  return { token, post, clock, noteLimit };
}

const granted = (text: string, expiresIn = 3600): Reply => ({
  status: 200,
  body: { access_token: text, token_type: 'Bearer', expires_in: expiresIn },
});

beforeAll(() => {
  Logger.overrideLogger(false);
});

describe('SpotifyToken', () => {
  it('asks with Basic credentials and a form', async () => {
    const { token, post } = tokenWith(granted('one'));
    await expect(token.get()).resolves.toBe('one');
    expect(post).toHaveBeenCalledWith(
      'http://accounts.test/api/token',
      'grant_type=client_credentials',
      expect.objectContaining({
        headers: {
          Authorization: `Basic ${Buffer.from('the-id:the-secret').toString('base64')}`,
          'Content-Type': 'application/x-www-form-urlencoded',
        },
      }),
    );
  });

  it('makes one call for all who wait', async () => {
    const { token, post } = tokenWith(granted('one'));
    const texts = await Promise.all(Array.from({ length: 50 }, () => token.get()));
    expect(new Set(texts)).toEqual(new Set(['one']));
    expect(post).toHaveBeenCalledTimes(1);
  });

  it('keeps a token until 60 s before its end', async () => {
    const { token, clock } = tokenWith(granted('one'), granted('two'));
    await token.get();
    clock.seconds += 3539;
    await expect(token.get()).resolves.toBe('one');
    clock.seconds += 1;
    await expect(token.get()).resolves.toBe('two');
  });

  it('uses half of a life shorter than two minutes', async () => {
    const { token, clock } = tokenWith(granted('one', 10), granted('two'));
    await token.get();
    clock.seconds += 4.9;
    await expect(token.get()).resolves.toBe('one');
    clock.seconds += 0.1;
    await expect(token.get()).resolves.toBe('two');
  });

  it('drops the token that was refused, and no newer one', async () => {
    const { token, post } = tokenWith(granted('one'), granted('two'));
    await token.get();
    token.drop('one');
    await expect(token.get()).resolves.toBe('two');
    token.drop('one');
    await expect(token.get()).resolves.toBe('two');
    expect(post).toHaveBeenCalledTimes(2);
  });

  it('does not remember a failure', async () => {
    const { token } = tokenWith({ status: 503, body: 'upstream connect error' }, granted('one'));
    await expect(token.get()).rejects.toBeInstanceOf(SourceUnavailableError);
    await expect(token.get()).resolves.toBe('one');
  });

  it('notes a limit for both hosts', async () => {
    const { token, noteLimit } = tokenWith({ status: 429, body: '' });
    await expect(token.get()).rejects.toBeInstanceOf(SourceUnavailableError);
    expect(noteLimit).toHaveBeenCalledTimes(1);
    expect(noteLimit.mock.calls[0]?.[0]).toMatchObject({ waitSeconds: 30 });
  });

  it('is left alone after five failures in a row, then asked once to see', async () => {
    const failed = Array.from({ length: 5 }, () => ({ status: 503, body: '' }));
    const { token, post, clock } = tokenWith(...failed, granted('one'));
    for (let call = 0; call < 5; call += 1)
      await expect(token.get()).rejects.toMatchObject({ retryAfterSeconds: 5 });
    await expect(token.get()).rejects.toMatchObject({ retryAfterSeconds: 10 });
    expect(post).toHaveBeenCalledTimes(5);
    clock.seconds += 10;
    await expect(token.get()).resolves.toBe('one');
  });

  it('names refused credentials', async () => {
    const body = { error: 'invalid_client', error_description: 'Invalid client secret' };
    const { token } = tokenWith({ status: 400, body });
    await expect(token.get()).rejects.toThrow(/^Spotify refuses the client credentials/);
  });

  it.each([
    ['no token', { token_type: 'Bearer', expires_in: 3600 }],
    ['an empty token', { access_token: '', token_type: 'Bearer', expires_in: 3600 }],
    [
      'a token that would split the header',
      { access_token: 'a\r\nX: b', token_type: 'Bearer', expires_in: 3600 },
    ],
    ['another kind of token', { access_token: 'one', token_type: 'mac', expires_in: 3600 }],
    ['no life', { access_token: 'one', token_type: 'Bearer' }],
    ['a life of 0', { access_token: 'one', token_type: 'Bearer', expires_in: 0 }],
    ['a list', []],
    ['HTML', '<html>sign in</html>'],
    ['nothing', ''],
  ])('refuses an answer with %s', async (_what, body) => {
    const { token } = tokenWith({ status: 200, body });
    await expect(token.get()).rejects.toBeInstanceOf(SourceError);
  });
});
