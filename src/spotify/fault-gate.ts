/** Nobody mends a configuration within seconds, and each look costs a call. */
const PROBE_EVERY_MS = 60_000;

/** A fault that lasts until somebody acts: wrong credentials, a lapsed subscription, a certificate that is not Spotify's. */
export interface StandingFault {
  readonly host: string;
  readonly message: string;
  readonly sinceMs: number;
}

/** Lets one call a minute through while a configuration fault stands. Pure but for its clock. */
export class FaultGate {
  private standing: StandingFault | null = null;
  private nextProbeMs = 0;

  /** @param now a clock that cannot be set, in milliseconds */
  constructor(private readonly now: () => number) {}

  get fault(): StandingFault | null {
    return this.standing;
  }

  /** The fault that forbids this call; null where it may be made. */
  admit(): StandingFault | null {
    if (this.standing === null) return null;
    if (this.now() < this.nextProbeMs) return this.standing;
    this.nextProbeMs = this.now() + PROBE_EVERY_MS;
    return null;
  }

  /** A call to `host` met the fault at `atMs` by the wall clock. True where that is news. */
  met(host: string, message: string, atMs: number): boolean {
    const isNews = this.standing?.message !== message;
    this.standing = { host, message, sinceMs: isNews ? atMs : (this.standing?.sinceMs ?? atMs) };
    this.nextProbeMs = this.now() + PROBE_EVERY_MS;
    return isNews;
  }

  /** A call to `host` went well. The fault that ended by it, if one did. */
  passed(host: string): StandingFault | null {
    if (this.standing?.host !== host) return null;
    const ended = this.standing;
    this.standing = null;
    return ended;
  }
}
