import { Reply } from './http-reply';
import { RateLimitBody, tooManyRequests } from './spotify-errors';
import { EndpointName, WINDOW_MS } from './stats';

const DAY_MS = 86_400_000;
// Bans were seen to grow toward 48 h, no further (spotify-api.md 4.1).
const LONGEST_BAN_MS = 2 * DAY_MS;

/** How many calls are let through; 0 is no limit. */
export interface RateLimits {
  /** All calls in a rolling 30 s. */
  windowLimit: number;
  /** Searches in a rolling 24 h. */
  dayQuota: number;
  /** Calls in a rolling 24 h to each endpoint other than search. */
  otherDayQuota: number;
  /** True: a call beyond the window counts too, and shuts the window for 30 s, as does each call meanwhile. */
  isWindowStrict: boolean;
}

/** Whom a ban concerns: the search bucket can be blocked while the others work (spotify-api.md 4.1). */
export type BanScope = 'all' | EndpointName;

interface Ban {
  until: number;
  /** A refused call lengthens the ban by a tenth of this. */
  lengthMs: number;
  body: RateLimitBody;
  /** False: only told to the caller (by a fault), so that later calls are counted, not refused. */
  isEnforced: boolean;
}

/** Rolling 30-second window, rolling 24-hour quotas and the bans that follow (spotify-api.md 4.1, 7). */
export class RateWindow {
  private window: number[] = [];
  private shutUntil = 0;
  private readonly day = new Map<EndpointName, number[]>();
  private readonly bans = new Map<BanScope, Ban>();

  constructor(public limits: RateLimits) {}

  /** Whether a caller that heeds Retry-After would not have come now. */
  isBanned(endpoint: EndpointName, now: number): boolean {
    return this.bansOn(endpoint, now).length > 0;
  }

  /** Starts a ban by hand, or notes that a fault announced one. */
  ban(scope: BanScope, now: number, seconds: number, body: RateLimitBody, isEnforced: boolean): void {
    const old = this.bans.get(scope);
    // What is only told cannot shorten what is enforced.
    if (old?.isEnforced && now < old.until && !isEnforced) return;
    this.bans.set(scope, { until: now + seconds * 1000, lengthMs: seconds * 1000, body, isEnforced });
  }

  liftBans(): void {
    this.bans.clear();
    this.window = [];
    this.shutUntil = 0;
    this.day.clear();
  }

  /** Books one call; a 429 when it goes over a limit or comes during a ban. */
  admit(endpoint: EndpointName, now: number): Reply | null {
    const ban = this.bansOn(endpoint, now).find(({ isEnforced }) => isEnforced);
    if (ban !== undefined) {
      ban.until = Math.min(ban.until + ban.lengthMs / 10, now + LONGEST_BAN_MS);
      return tooManyRequests(ban.body, seconds(ban.until - now));
    }
    return this.overDay(endpoint, now) ?? this.overWindow(now);
  }

  private overWindow(now: number): Reply | null {
    this.window = this.window.filter((at) => at > now - WINDOW_MS);
    const { windowLimit, isWindowStrict } = this.limits;
    if (windowLimit === 0 || (now >= this.shutUntil && this.window.length < windowLimit)) {
      this.window.push(now);
      return null;
    }
    if (isWindowStrict) {
      this.window.push(now);
      this.shutUntil = now + WINDOW_MS;
      this.ban('all', now, WINDOW_MS / 1000, 'json', false);
      return tooManyRequests('json', seconds(WINDOW_MS));
    }
    const waitMs = (this.window[0] ?? now) + WINDOW_MS - now;
    // Told, not enforced: the window itself refuses, and lets the first freed slot through.
    this.ban('all', now, Math.ceil(waitMs / 1000), 'json', false);
    return tooManyRequests('json', seconds(waitMs));
  }

  private overDay(endpoint: EndpointName, now: number): Reply | null {
    const quota = endpoint === 'search' ? this.limits.dayQuota : this.limits.otherDayQuota;
    if (quota === 0) return null;
    const calls = (this.day.get(endpoint) ?? []).filter((at) => at > now - DAY_MS);
    this.day.set(endpoint, calls);
    if (calls.length < quota) {
      calls.push(now);
      return null;
    }
    const waitMs = (calls[0] ?? now) + DAY_MS - now;
    this.ban(endpoint, now, waitMs / 1000, 'quota', true);
    return tooManyRequests('quota', seconds(waitMs));
  }

  private bansOn(endpoint: EndpointName, now: number): Ban[] {
    const scopes: BanScope[] = ['all', endpoint];
    return scopes.flatMap((scope) => this.bans.get(scope) ?? []).filter(({ until }) => now < until);
  }
}

/** Whole seconds, at least one, as the header carries them. */
function seconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
