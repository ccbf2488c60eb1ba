import { once } from 'node:events';
import { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import { AddressInfo } from 'node:net';
import { ApiCall } from './api-call';
import { endpointOf, route } from './api-routes';
import { FakeCatalogue, normaliseIsrc } from './catalogue';
import { hashOf, seededRandom } from './fake-random';
import { FakeTrack } from './fake-track';
import { sendSpoiled } from './fault-wire';
import { Fault, FaultAim, FaultPlan, isReplyFault, replyOf } from './faults';
import { conditional, jsonReply, readBody, Reply, send, withEdgeHeaders } from './http-reply';
import { Pauses } from './pauses';
import { BanScope, RateLimits, RateWindow } from './rate-window';
import { recordedBody, recordedPage } from './recorded';
import { parseQuery } from './search-query';
import { apiError, PREMIUM_REQUIRED, RateLimitBody, serverError, textReply } from './spotify-errors';
import type { SpotifyFake, SpotifyFakeOptions } from './spotify-fake';
import { SpotifyMode } from './spotify-mode';
import { EndpointName, SpotifyFakeStats, StatsBook } from './stats';
import { TokenDesk } from './token-endpoint';

/** The server behind `startSpotifyFake`: takes requests in, keeps the books, sends answers and faults out. */
export class FakeServer implements SpotifyFake {
  readonly clientId: string;
  readonly clientSecret: string;
  private readonly book = new StatsBook();
  private readonly catalogue: FakeCatalogue;
  private readonly recorded = new Map<string, string>();
  private readonly faults = new FaultPlan();
  private readonly pauses = new Pauses();
  private readonly window: RateWindow;
  private readonly desk: TokenDesk;
  private readonly random: () => number;
  private readonly now: () => number;
  private readonly server: Server;
  private port = 0;
  private mode: SpotifyMode;
  private premium: 'active' | 'json' | 'text';
  private latencyMs: [number, number] | null;
  private totalBugProbability: number | undefined;

  constructor(private readonly options: SpotifyFakeOptions) {
    this.clientId = options.clientId ?? 'fake-client-id';
    this.clientSecret = options.clientSecret ?? 'fake-client-secret';
    this.mode = options.mode ?? 'dev';
    this.premium = options.premium === false ? 'json' : 'active';
    this.latencyMs = options.latencyMs ?? null;
    this.totalBugProbability = options.totalBugProbability;
    this.now = options.now ?? (() => Date.now());
    this.random = seededRandom(options.seed ?? 1);
    this.catalogue = new FakeCatalogue(options.isrcMatching ?? 'normalised');
    this.catalogue.add(options.catalogue ?? []);
    const { windowLimit = 0, dayQuota = 0, otherDayQuota = 0, tokenSeconds = 3600 } = options;
    const isWindowStrict = options.isWindowStrict ?? false;
    this.window = new RateWindow({ windowLimit, dayQuota, otherDayQuota, isWindowStrict });
    const { clientId, clientSecret, now, random } = this;
    this.desk = new TokenDesk({ clientId, clientSecret, tokenSeconds, now, random });
    this.server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.handle(request, response).catch((cause: unknown) => {
        // A defect of the stand-in must not look like a defect of Spotify.
        if (response.headersSent) response.destroy();
        else send(request, response, textReply(599, `spotify fake: ${String(cause)}`));
      });
    });
  }

  get accountsUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get apiUrl(): string {
    return `${this.accountsUrl}/v1`;
  }

  get stats(): SpotifyFakeStats {
    return this.book.stats;
  }

  async start(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.pauses.stop();
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  resetStats(): void {
    this.book.reset();
  }

  addTracks(...tracks: FakeTrack[]): void {
    this.catalogue.add(tracks);
  }

  removeIsrc(isrc: string): void {
    this.catalogue.removeIsrc(isrc);
  }

  tombstone(isrc: string): void {
    this.catalogue.tombstone(isrc);
  }

  flap(isrc: string, times: number): void {
    this.catalogue.flap(isrc, times);
  }

  neverIndex(isrc: string): void {
    this.catalogue.neverIndex(isrc);
  }

  serveRecorded(isrcOrPath: string, fixtureName: string): void {
    recordedBody(fixtureName);
    this.recorded.set(isrcOrPath.startsWith('/') ? isrcOrPath : normaliseIsrc(isrcOrPath), fixtureName);
  }

  failNext(fault: Fault, times = 1, aim?: FaultAim): void {
    this.faults.failNext(fault, times, aim);
  }

  setFault(fault: Fault | null, aim?: FaultAim): void {
    this.faults.setFault(fault, aim);
  }

  clearFaults(): void {
    this.faults.clear();
  }

  revokeAllTokens(): void {
    this.desk.revokeAll();
  }

  setPremium(active: boolean, as: 'json' | 'text' = 'json'): void {
    this.premium = active ? 'active' : as;
  }

  setLatency(range: [number, number] | null): void {
    this.latencyMs = range;
  }

  setMode(mode: SpotifyMode): void {
    this.mode = mode;
  }

  setTotalBugProbability(probability: number): void {
    this.totalBugProbability = probability;
  }

  setLimits(limits: Partial<RateLimits>): void {
    this.window.limits = { ...this.window.limits, ...limits };
  }

  ban(seconds: number, scope: BanScope = 'all', body: RateLimitBody = 'quota'): void {
    this.window.ban(scope, this.now(), seconds, body, true);
  }

  liftBans(): void {
    this.window.liftBans();
  }

  hold(): () => void {
    return this.pauses.hold();
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.accountsUrl);
    if (url.pathname === '/__admin/stats') {
      send(request, response, jsonReply(this.stats));
      return;
    }
    this.book.saw(request, url, this.now());
    if (url.pathname === '/api/token' && request.method === 'POST') {
      await this.handleToken(request, response);
    } else if (url.pathname.startsWith('/v1/')) {
      await this.handleApi(request, response, url);
    } else {
      send(request, response, textReply(404, 'Not Found'));
    }
  }

  private async handleToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.book.stats.tokenCalls++;
    const fault = this.faults.take('token');
    const body = await readBody(request);
    await this.sleepLatency();
    await this.finish(request, response, fault, 'other', () => this.desk.answer(request, body));
  }

  private async handleApi(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname.split('/').filter(Boolean).slice(1);
    const endpoint = endpointOf(path);
    this.book.apiCall(endpoint, this.now());
    if (endpoint === 'search') {
      for (const isrc of isrcsOf(url)) this.book.searched(normaliseIsrc(isrc));
    }
    if (this.window.isBanned(endpoint, this.now())) this.book.stats.callsDuringBan++;
    const fault = this.faults.take(endpoint);
    await this.pauses.untilReleased();
    const edgeMs = await this.sleepLatency();
    await this.finish(request, response, fault, endpoint, () => {
      const reply = this.judge(request, endpoint) ?? this.answer(request, url, path);
      return conditional(request, withEdgeHeaders(reply, edgeMs));
    });
  }

  /** Sends the answer, the fault in its place, or the answer spoiled by the fault. */
  private async finish(
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | null,
    endpoint: EndpointName,
    answer: () => Reply,
  ): Promise<void> {
    response.setHeader('date', new Date(this.now()).toUTCString());
    if (fault !== null && !isReplyFault(fault)) {
      await sendSpoiled(fault, { request, response, reply: answer(), pauses: this.pauses });
      return;
    }
    const reply =
      fault === null ? answer() : withEdgeHeaders(replyOf(fault, this.now(), this.accountsUrl), 0);
    if (reply.status === 304) this.book.stats.notModified++;
    if (reply.status === 429) {
      this.book.stats.rejected429++;
      if (fault !== null) this.noteAnnouncedBan(reply, endpoint);
    }
    send(request, response, reply);
  }

  /** Null where the call may go on: token, Premium, limits, chance. */
  private judge(request: IncomingMessage, endpoint: EndpointName): Reply | null {
    const refusal = this.desk.refuse(request.headers.authorization);
    if (refusal !== null) return refusal;
    if (this.premium === 'text') return textReply(403, PREMIUM_REQUIRED);
    if (this.premium === 'json') return apiError(403, PREMIUM_REQUIRED);
    const limited = this.window.admit(endpoint, this.now());
    if (limited !== null) return limited;
    const isUnlucky = this.random() < (this.options.badGatewayProbability ?? 0);
    return isUnlucky ? serverError(502, 'json') : null;
  }

  private answer(request: IncomingMessage, url: URL, path: string[]): Reply {
    if (request.method !== 'GET') return apiError(404, 'Service not found');
    const fixture = this.recorded.get(url.pathname.slice('/v1'.length));
    if (fixture !== undefined) return jsonReply(recordedBody(fixture));
    const params = url.searchParams;
    const [isrc = ''] = path[0] === 'search' ? isrcsOf(url) : [];
    const call: ApiCall = {
      path,
      params,
      catalogue: this.catalogue,
      rendering: {
        mode: this.mode,
        market: params.get('market'),
        apiUrl: this.options.linkUrl ?? this.apiUrl,
        locale: encodeURI(request.headers['accept-language'] ?? '*'),
      },
      hasTotalBug: (q) => this.hasTotalBug(q),
    };
    const reply = route(call);
    const page = this.recorded.get(normaliseIsrc(isrc));
    // A wrong call stays wrong for a recorded ISRC.
    if (page === undefined || reply.status !== 200) return reply;
    return recordedPage(page, Number(params.get('offset') ?? 0));
  }

  private hasTotalBug(q: string): boolean {
    const probability = this.totalBugProbability ?? (this.mode === 'dev' ? 0.3 : 0);
    // From seed and query, not from the order of calls, so that concurrency cannot change it.
    return seededRandom(hashOf(`${this.options.seed ?? 1} ${q}`))() < probability;
  }

  private noteAnnouncedBan(reply: Reply, endpoint: EndpointName): void {
    const text = reply.headers['retry-after'] ?? '';
    const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - this.now()) / 1000;
    const scope = reply.body.includes('QUOTA_EXCEEDED') ? endpoint : 'all';
    if (seconds > 0) this.window.ban(scope, this.now(), seconds, 'json', false);
  }

  private async sleepLatency(): Promise<number> {
    if (this.latencyMs === null) return 0;
    const [from, to] = this.latencyMs;
    const ms = Math.round(from + (to - from) * this.random());
    await this.pauses.sleep(ms);
    return ms;
  }
}

function isrcsOf(url: URL): string[] {
  return parseQuery(url.searchParams.get('q') ?? '').isrc;
}
