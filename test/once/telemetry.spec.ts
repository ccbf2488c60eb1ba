import Database from 'better-sqlite3';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment } from '../support/app';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { selfSigned } from '../support/certificate';
import { type Sink, startSink } from '../support/sink';

jest.setTimeout(90_000);

const TOKEN = 'bootstrap-text-of-the-telemetry-tests-0';
const ISRC = 'USWB10102873';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

let service: BuiltService;
let spotify: SpotifyFake;
const sinks: Sink[] = [];
beforeAll(async () => {
  service = buildService({ isPlain: true }); // the agents follow how modules are loaded
  spotify = await startSpotifyFake({ catalogue: [fakeTrack({ isrc: ISRC })] });
});
afterAll(async () => {
  await service.remove();
  await spotify.stop();
  for (const sink of sinks) await sink.stop();
});

interface Running {
  readonly process: RunningProcess;
  readonly file: string;
  call(method: string, path: string, headers?: Record<string, string>, json?: unknown): Promise<Response>;
}

async function start(environment: Record<string, string>): Promise<Running> {
  const cwd = service.folder();
  const file = join(cwd, 'tracks.db');
  const process = service.start(
    {
      ...spotifyEnvironment(spotify),
      AUTH_BOOTSTRAP_TOKEN: TOKEN,
      DATABASE_URL: `sqlite:${file}`,
      ...environment,
    },
    { cwd },
  );
  const [, url = ''] = await process.says(/ready at (http:[^\s"]+)/);
  return {
    process,
    file,
    call: (method, path, headers = {}, json?: unknown) =>
      fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${TOKEN}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: json === undefined ? null : JSON.stringify(json),
      }),
  };
}

async function stop({ process }: Running): Promise<void> {
  process.child.kill('SIGTERM');
  expect((await process.ended).code).toBe(0);
}

/** Makes the service fail as nobody foresaw, until `mend`. */
function breakTables(file: string): { mend: () => void } {
  const database = new Database(file);
  database.exec('ALTER TABLE recording_miss RENAME TO away');
  return {
    mend: () => {
      database.exec('ALTER TABLE away RENAME TO recording_miss');
      database.close();
    },
  };
}

const lines = ({ process }: Running): Record<string, unknown>[] =>
  process.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('Sentry', () => {
  async function sentry(...args: Parameters<typeof startSink>): Promise<{ sink: Sink; dsn: string }> {
    const sink = await startSink(...args);
    sinks.push(sink);
    return { sink, dsn: `http://0123456789abcdef@127.0.0.1:${sink.port}/42` };
  }

  it('O06 gets one event for an unexpected 5xx, none for a 4xx, and nothing of the request', async () => {
    const { sink, dsn } = await sentry();
    const running = await start({ SENTRY_DSN: dsn, DEADWAX_ENVIRONMENT: 'staging' });
    const statuses = [
      (await running.call('GET', `/v1/tracks/${ISRC}`)).status,
      (await running.call('GET', '/v1/tracks/nonsense')).status,
      (await running.call('GET', '/nowhere')).status,
      (await running.call('GET', '/v1/tracks', { authorization: 'Bearer no-such-token' })).status,
    ];
    expect(statuses).toEqual([404, 400, 404, 401]);
    const { mend } = breakTables(running.file);
    const failed = await running.call(
      'POST',
      '/v1/tracks?',
      { 'x-request-id': 'the-one-that-failed' },
      { isrc: ISRC },
    );
    expect(failed.status).toBe(500);
    await sink.gets(1);
    mend();
    expect((await running.call('POST', '/v1/tracks', {}, { isrc: ISRC })).status).toBe(201);
    await stop(running);

    expect(sink.received).toHaveLength(1);
    const [envelope] = sink.received;
    expect(envelope?.path).toMatch(/^\/api\/42\/envelope\//);
    const [head, item, body] = (envelope?.text ?? '')
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(head).toHaveProperty('event_id');
    expect(item).toMatchObject({ type: 'event' });
    expect(body).toMatchObject({
      environment: 'staging',
      release: `deadwax@${(JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version}`,
      tags: { requestId: 'the-one-that-failed', route: '/v1/tracks' },
      exception: { values: [{ value: expect.stringMatching(/no such table/) as unknown }] },
    });
    expect(JSON.stringify(body)).toContain('"function":');
    for (const secret of [TOKEN, 'authorization', 'Bearer', spotify.clientSecret]) {
      expect(envelope?.text).not.toContain(secret);
    }
  });

  it('gets one event for an import whose rows fail unexpectedly', async () => {
    const { sink, dsn } = await sentry();
    const running = await start({ SENTRY_DSN: dsn });
    const database = new Database(running.file);
    database.exec('ALTER TABLE album RENAME TO away');
    const isrcs = [ISRC, 'USAB12400001'];
    expect((await running.call('POST', '/v1/imports', {}, { isrcs })).status).toBe(202);
    const [envelope] = await sink.gets(1);
    expect(envelope?.text).toContain('"job":"import"');
    database.exec('ALTER TABLE away RENAME TO album');
    database.close();
    await stop(running);
    expect(sink.received).toHaveLength(1);
  });

  it.each([
    ['hangs', () => undefined],
    [
      'refuses',
      (_: unknown, response: { writeHead(status: number): { end(): void } }) => {
        response.writeHead(429).end();
      },
    ],
  ])('holds nothing up while it %s', async (_, answer) => {
    const { dsn } = await sentry(answer);
    const running = await start({ SENTRY_DSN: dsn });
    const { mend } = breakTables(running.file);
    for (let round = 0; round < 100; round++) {
      expect((await running.call('POST', '/v1/tracks', {}, { isrc: ISRC })).status).toBe(500);
    }
    mend();
    expect((await running.call('POST', '/v1/tracks', {}, { isrc: ISRC })).status).toBe(201);
    await stop(running);
  });
});

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly { key: string; value: { stringValue?: string; intValue?: number } }[];
}

const spansOf = (sink: Sink): OtlpSpan[] =>
  sink.received.flatMap(({ text }) =>
    (JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] }).resourceSpans.flatMap(
      ({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans),
    ),
  );
const attribute = (span: OtlpSpan | undefined, key: string) => {
  const value = span?.attributes.find((each) => each.key === key)?.value;
  return value?.stringValue ?? value?.intValue;
};

describe('OpenTelemetry', () => {
  it('gets calls, statements, calls of Spotify and rows of imports as traces that go on from the caller to Spotify', async () => {
    const sink = await startSink();
    sinks.push(sink);
    // Spotify as seen from the wire: what it is told of the trace.
    const told: (string | undefined)[] = [];
    const wire = await startSink(({ path, headers }, response) => {
      told.push(headers['traceparent'] as string | undefined);
      const passed = httpRequest(
        `${new URL(spotify.apiUrl).origin}${path}`,
        { headers: { ...headers, 'accept-encoding': 'identity' } },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      passed.end();
    });
    sinks.push(wire);
    const running = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}/`,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      SPOTIFY_API_URL: `http://127.0.0.1:${wire.port}/v1`,
    });
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    expect((await running.call('POST', '/v1/tracks', { traceparent }, { isrc: ISRC })).status).toBe(201);
    expect((await running.call('GET', `/v1/tracks/${ISRC}?`, { traceparent })).status).toBe(200);
    // A17: nothing of a broken one is taken over.
    const broken = [
      '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
      `ff-${TRACE}-${PARENT}-01`,
      `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    ];
    for (const one of broken) {
      expect(
        (await running.call('GET', '/v1/me', { traceparent: one, tracestate: 'a='.padEnd(9000, 'x') }))
          .status,
      ).toBe(200);
    }
    expect((await running.call('POST', '/v1/imports', {}, { isrcs: ['USAB12400001'] })).status).toBe(202);
    while (!spansOf(sink).some(({ name }) => name === 'import turn')) await sleep(50);
    await stop(running);

    const spans = spansOf(sink);
    const ours = spans.filter(({ traceId }) => traceId === TRACE);
    const ids = new Set([PARENT, ...ours.map(({ spanId }) => spanId)]);
    for (const { name, parentSpanId = '' } of ours)
      expect([name, ids.has(parentSpanId)]).toEqual([name, true]);
    const roots = ours.filter(({ parentSpanId }) => parentSpanId === PARENT);
    expect(roots.map(({ name, kind }) => [name, kind]).sort()).toEqual([
      ['GET /v1/tracks/:isrc', 2],
      ['POST /v1/tracks', 2],
    ]);
    const post = roots.find(({ name }) => name.startsWith('POST'));
    expect(attribute(post, 'http.route')).toBe('/v1/tracks');
    expect(attribute(post, 'http.response.status_code')).toBe(201);
    const search = ours.find((span) => attribute(span, 'url.template') === '/v1/search');
    expect([search?.kind, attribute(search, 'http.response.status_code')]).toEqual([3, 200]);
    expect(told).toContain(`00-${TRACE}-${search?.spanId ?? ''}-01`);
    const statements = ours.filter((span) => attribute(span, 'db.system.name') === 'sqlite');
    expect(statements.map(({ name }) => name)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^INSERT track/)]),
    );
    const visits = spans.filter(({ name }) => name === 'GET /v1/me');
    expect(new Set(visits.map(({ traceId }) => traceId)).size).toBe(broken.length);
    for (const visit of visits) expect(visit).not.toHaveProperty('parentSpanId', PARENT);
    const row = spans.find(({ name }) => name === 'import row');
    const turn = spans.find(({ spanId }) => spanId === row?.parentSpanId);
    expect(turn?.name).toBe('import turn');
    expect(JSON.stringify(spans)).not.toMatch(new RegExp(`${TOKEN}|${spotify.clientSecret}`));

    const line = lines(running).find((each) => each['route'] === '/v1/tracks' && each['method'] === 'POST');
    expect(line).toMatchObject({ trace_id: TRACE, span_id: post?.spanId, status: 201 });
  });

  it('gets the last traces before the database closes, which is the last of all', async () => {
    // SQLite takes its log away when the last connection closes.
    let log = '';
    const seen: boolean[] = [];
    const sink = await startSink((_, response) => {
      setTimeout(() => {
        seen.push(existsSync(log));
        response.end('{}');
      }, 300);
    });
    sinks.push(sink);
    const running = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
      // Nothing leaves by itself.
      OTEL_BSP_SCHEDULE_DELAY: '600000',
      OTEL_BSP_MAX_QUEUE_SIZE: '100000',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100000',
    });
    log = `${running.file}-wal`;
    expect((await running.call('GET', '/v1/me')).status).toBe(200);
    expect([existsSync(log), sink.received.length]).toEqual([true, 0]);
    await stop(running);
    expect(spansOf(sink).map(({ name }) => name)).toContain('GET /v1/me');
    expect(seen).toEqual(seen.map(() => true));
    expect(existsSync(log)).toBe(false);
  });

  it.each(['hangs', 'is gone'])('holds nothing up while the collector %s', async (state) => {
    const sink = await startSink(() => undefined);
    if (state === 'is gone') await sink.stop();
    else sinks.push(sink);
    const running = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    });
    for (let round = 0; round < 50; round++) expect((await running.call('GET', '/v1/me')).status).toBe(200);
    await stop(running);
  });
});

describe('New Relic', () => {
  it('O07 connects, gets calls named by route, errors, and calls of others, the rest before the exit', async () => {
    const hour = 3_600_000;
    let address = '';
    const tls = selfSigned(new Date(Date.now() - hour), new Date(Date.now() + hour));
    const collector = await startSink(({ path }, response) => {
      const method = new URL(path, 'http://collector').searchParams.get('method');
      const answers: Record<string, unknown> = {
        preconnect: { redirect_host: address },
        connect: { agent_run_id: 'run-1', data_report_period: 60, agent_config: {} },
      };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ return_value: answers[method ?? ''] ?? null }));
    }, tls);
    sinks.push(collector);
    address = `127.0.0.1:${collector.port}`;
    const ca = join(service.folder(), 'ca.pem');
    writeFileSync(ca, tls.cert);
    const running = await start({
      NEW_RELIC_LICENSE_KEY: '0123456789abcdef0123456789abcdef01234567',
      NEW_RELIC_HOST: '127.0.0.1',
      NEW_RELIC_PORT: String(collector.port),
      NODE_EXTRA_CA_CERTS: ca,
    });
    const of = (method: string) => (each: { path: string }) =>
      each.path.includes(`method=${method}&`) || each.path.endsWith(`method=${method}`);
    await collector.gets(1, of('connect'));
    await collector.gets(1, of('agent_settings'));
    expect((await running.call('POST', '/v1/tracks', {}, { isrc: ISRC })).status).toBe(201);
    expect((await running.call('GET', '/v1/tracks/USAB12400001')).status).toBe(404);
    const { mend } = breakTables(running.file);
    expect((await running.call('POST', '/v1/tracks', {}, { isrc: 'USAB12400001' })).status).toBe(500);
    mend();
    await stop(running);
    const sent = (method: string) =>
      collector.received
        .filter(of(method))
        .map(({ text }) => text)
        .join('\n');
    expect(sent('metric_data')).toMatch(/WebTransaction\/Custom\/POST \/v1\/tracks/);
    expect(sent('metric_data')).toMatch(/WebTransaction\/Custom\/GET \/v1\/tracks\/:isrc/);
    expect(sent('metric_data')).toMatch(/SQLite\/INSERT track/);
    expect(sent('metric_data')).toMatch(/External\/127\.0\.0\.1/);
    const errors = JSON.parse(sent('error_data')) as [string, unknown[]];
    expect(errors[1]).toHaveLength(1);
    expect(JSON.stringify(errors)).toMatch(/no such table/);
    for (const secret of [TOKEN, spotify.clientSecret]) {
      expect(collector.received.map(({ text }) => text).join('\n')).not.toContain(secret);
    }
  });
});

// The API of OpenTelemetry is a dependency of other packages too; without its SDK it does nothing.
it('O05 loads no module of a sink that is not set', async () => {
  const cwd = service.folder();
  const spy = join(cwd, 'spy.cjs');
  writeFileSync(
    spy,
    `process.on('exit', () => {
       const loaded = Object.keys(require('node:module')._cache).filter((path) => /node_modules.(@sentry|newrelic|@newrelic|@opentelemetry.(?!api))/.test(path));
       process.stderr.write('\\nloaded: ' + JSON.stringify(loaded) + '\\n');
     });`,
  );
  const running = await start({ NODE_OPTIONS: `--require ${spy}` });
  expect((await running.call('GET', '/v1/me')).status).toBe(200);
  await stop(running);
  expect(running.process.stderr).toMatch(/loaded: \[\]/);
});
