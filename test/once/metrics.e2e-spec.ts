import { createHash } from 'node:crypto';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment, startApp, type TestApp } from '../support/app';
import { finished } from '../support/imports';
import { until } from '../support/until';
import { expectProblem } from '../e2e/problem-check';

describe('metrics', () => {
  let service: TestApp;
  beforeAll(async () => {
    service = await startApp();
  });
  afterAll(() => service.stop());

  const scrape = async (): Promise<string> => {
    const answer = await service.call('GET', '/metrics', { token: service.tokens.operator });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    return answer.text;
  };
  const seriesOf = (text: string): Set<string> =>
    new Set(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.slice(0, line.lastIndexOf(' '))),
    );

  it('counts calls by method, route template and status', async () => {
    await service.call('GET', '/v1/tracks/USWB10102873', { token: service.tokens.reader });
    await service.call('GET', '/nowhere', { token: null });
    const text = await scrape();
    expect(text).toMatch(
      /^deadwax_http_request_duration_seconds_count\{method="GET",route="\/v1\/tracks\/:isrc",status="404"\} 1$/m,
    );
    expect(text).toMatch(
      /^deadwax_http_request_duration_seconds_count\{method="GET",route="none",status="404"\} 1$/m,
    );
    expect(text).toMatch(/^deadwax_build_info\{version="[^"]+",node="v[^"]+"\} 1$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  });

  it('tells what imports made of their rows, and what is left', async () => {
    const { body } = await service.call('POST', '/v1/imports', {
      json: { isrcs: ['USWB10102873', 'US-WB1-01-02873', 'nonsense', 'QZZZZ9900001'] },
    });
    await finished(service, body.id as string);
    const text = await scrape();
    const rows = Object.fromEntries(
      [...text.matchAll(/^deadwax_import_rows_total\{status="([\w-]+)"\} (\d+)$/gm)].map(
        ([, status, count]) => [status, Number(count)],
      ),
    );
    expect(rows).toEqual({
      created: 1,
      existing: 0,
      refreshed: 0,
      duplicate: 1,
      'not-found': 1,
      invalid: 1,
      failed: 0,
    });
    expect(text).toMatch(/^deadwax_import_backlog_rows 0$/m);
    expect(text).toMatch(/^deadwax_imports\{status="running"\} 0$/m);
    expect(text).toMatch(/^deadwax_import_oldest_seconds 0$/m);
    expect(text).toMatch(/^deadwax_import_stalled_seconds 0$/m);
  });

  it('O08 has the same series after many ISRCs, names, methods and junk paths', async () => {
    const visit = async (mark: string): Promise<void> => {
      const isrc = `US${mark}AB2400001`.slice(0, 12);
      await service.call('GET', `/v1/tracks/${isrc}`);
      await service.call('GET', `/v1/tracks?artist=${mark}`);
      await service.call('GET', `/junk/${mark}/${Math.random()}`, { token: null });
      await service.call('POST', `/junk/${mark}`, { token: null });
      await service.call('PROPFIND', `/${mark}`, { token: null });
    };
    await visit('X');
    await scrape();
    const before = seriesOf(await scrape());
    for (let round = 0; round < 40; round++) await visit(String.fromCharCode(65 + (round % 26)));
    const after = await scrape();
    expect(seriesOf(after)).toEqual(before);
    expect(after).not.toMatch(/US[A-Z]AB24|junk|dwx_/);
  });

  it('O02 a thousand probes a second cost one real check a second, and one in all while it hangs', async () => {
    const agent = new Agent({ keepAlive: true });
    const probe = () =>
      new Promise<number>((resolve, reject) => {
        get(`${service.url}/health/ready`, { agent }, (answer) => {
          answer.resume().once('end', () => {
            resolve(answer.statusCode ?? 0);
          });
        }).once('error', reject);
      });
    /** As many a second as the machine sends, a thousand at most. */
    const probes = async (count: number): Promise<Set<number>> => {
      const startedMs = performance.now();
      const answers: Promise<number>[] = [];
      while (answers.length < count) {
        const due = Math.min(count, Math.ceil(performance.now() - startedMs));
        while (answers.length < due) answers.push(probe());
        await sleep(10);
      }
      return new Set(await Promise.all(answers));
    };
    const dataSource = service.app.get(DataSource);
    const ask = dataSource.query.bind(dataSource);
    let hanging: Promise<unknown> = Promise.resolve();
    let checks = 0;
    jest.spyOn(dataSource, 'query').mockImplementation((sql, ...rest) => {
      if (!/^SELECT .* AS refuses$/.test(sql)) return ask(sql, ...rest);
      checks += 1;
      return hanging.then(() => ask(sql, ...rest));
    });
    try {
      const startedMs = performance.now();
      expect(await probes(1_500)).toEqual(new Set([200]));
      expect(checks).toBeGreaterThanOrEqual(1);
      expect(checks).toBeLessThanOrEqual(2 + Math.floor((performance.now() - startedMs) / 1_000));

      let release = (): void => undefined;
      hanging = new Promise<void>((resolve) => (release = resolve));
      await until('a check that hangs', async () => (await probe()) === 503);
      checks = 0; // one is under way
      expect(await probes(1_500)).toEqual(new Set([503]));
      expect(checks).toBe(0);
      release();
      await until('ready again', async () => (await probe()) === 200);
    } finally {
      jest.restoreAllMocks();
      agent.destroy();
    }
  });

  it('is for ops alone, and in this form alone', async () => {
    expectProblem(await service.call('GET', '/metrics', { token: null }), 'unauthenticated', '/metrics');
    expectProblem(
      await service.call('GET', '/metrics', { token: service.tokens.editor }),
      'insufficient-scope',
      '/metrics',
    );
    const asked = (accept: string) => service.call('GET', '/metrics', { headers: { accept } });
    expectProblem(await asked('application/json'), 'not-acceptable', '/metrics');
    const ofPrometheus =
      'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
    for (const accept of ['text/plain', '*/*', ofPrometheus]) {
      expect([accept, (await asked(accept)).status]).toEqual([accept, 200]);
    }
    expectProblem(await service.call('GET', '/metrics?x=1'), 'invalid-request', '/metrics');
  });
});

it('shows what caches had and had not', async () => {
  const fake = await startSpotifyFake({ catalogue: [fakeTrack({ isrc: 'USQX91300108' })] });
  const service = await startApp(spotifyEnvironment(fake));
  const figures = async () => {
    const { text } = await service.call('GET', '/metrics', { token: service.tokens.operator });
    const found = text.matchAll(/^deadwax_cache_lookups_total\{cache="([\w-]+)",result="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries(
      [...found].map(([, cache, result, count]) => [`${cache} ${result}`, Number(count)]),
    );
  };
  try {
    const before = await figures();
    const add = (isrc: string) => service.call('POST', '/v1/tracks', { json: { isrc } });
    const release = fake.hold();
    const adding = Array.from({ length: 5 }, () => add('USQX91300108'));
    await until('a call of the source', () => fake.stats.requests.some(({ path }) => path === '/v1/search'));
    adding.push(add('USQX91300108'));
    await sleep(100); // until it has come as far
    release();
    expect((await Promise.all(adding)).filter(({ status }) => status === 201)).toHaveLength(1);
    for (let time = 0; time < 2; time++) expect((await add('GBAYE0601498')).status).toBe(404);
    await Promise.all(Array.from({ length: 20 }, () => service.call('GET', '/v1/tracks/USQX91300108')));
    const query = '{ me { subject } }';
    for (let time = 0; time < 3; time++) await service.call('POST', '/graphql', { json: { query } });
    const sha256Hash = createHash('sha256').update(query).digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    for (const json of [{ extensions }, { query, extensions }, { extensions }])
      await service.call('POST', '/graphql', { json });
    const after = await figures();
    const since = (name: string) => (after[name] ?? NaN) - (before[name] ?? NaN);
    expect(since('source-calls miss')).toBe(2);
    expect(since('source-calls hit')).toBeGreaterThanOrEqual(1);
    expect([since('misses hit'), since('misses miss')]).toEqual([1, 2]);
    // How many reads meet is the machine's business.
    expect(since('track-reads miss')).toBeGreaterThanOrEqual(1);
    expect(since('track-reads miss') + since('track-reads hit')).toBe(20);
    expect([since('graphql-documents hit'), since('graphql-documents miss')]).toEqual([4, 1]);
    expect([since('persisted-queries hit'), since('persisted-queries miss')]).toEqual([1, 1]);
    expect(since('api-tokens hit')).toBeGreaterThan(20);
    expect([after['jwts hit'], after['jwts miss']]).toEqual([0, 0]);
  } finally {
    await service.stop();
    await fake.stop();
  }
});

it('shows the source: calls by outcome, window, day, cooldown, breakers', async () => {
  const fake = await startSpotifyFake({ windowLimit: 2 });
  const service = await startApp({ ...spotifyEnvironment(fake), SPOTIFY_REQUESTS_PER_DAY: '500' });
  const figures = async (): Promise<Map<string, number>> => {
    const { text } = await service.call('GET', '/metrics', { token: service.tokens.operator });
    const lines = text.split('\n').filter((line) => line.startsWith('deadwax_source_'));
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice('deadwax_source_'.length, at), Number(line.slice(at + 1))];
      }),
    );
  };
  try {
    const before = await figures();
    expect(before.get('calls_total{host="api",outcome="ok"}')).toBe(0);
    expect(before.get('cooldown_seconds')).toBe(0);
    expect(before.get('day_limit{lane="all"}')).toBe(500);
    expect(before.has('window_limit{kind="configured"}')).toBe(false);
    expect(before.has('last_success_timestamp_seconds')).toBe(false);

    for (const isrc of ['USQX91300108', 'USQX91300105', 'GBAYE0601498', 'USUM71900764']) {
      await service.call('POST', '/v1/tracks', { json: { isrc } });
    }
    const after = await figures();
    expect(after.get('calls_total{host="accounts",outcome="ok"}')).toBe(1);
    expect(after.get('calls_total{host="api",outcome="rate-limited"}')).toBe(1);
    expect(after.get('cooldown_seconds')).toBeGreaterThan(0);
    expect(after.get('quota_exceeded')).toBe(0);
    expect(after.get('window_calls')).toBeGreaterThanOrEqual(2);
    expect(after.get('day_calls{lane="all"}')).toBeGreaterThanOrEqual(2);
    expect(after.get('breaker_state{host="api",state="closed"}')).toBe(1);
    expect(after.get('breaker_state{host="api",state="open"}')).toBe(0);
    expect(after.get('configuration_fault')).toBe(0);
    expect(after.get('last_success_timestamp_seconds')).toBeGreaterThan(1_700_000_000);
    expect(after.get('last_failure_timestamp_seconds')).toBeGreaterThan(1_700_000_000);
    expect([...after.values()].every(Number.isFinite)).toBe(true);
  } finally {
    await service.stop();
    await fake.stop();
  }
});
