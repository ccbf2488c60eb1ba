import { LRUCache } from 'lru-cache';
import type { QuotaStore } from './quota-store';

/** Where somebody stands after asking for units. */
export interface Standing {
  readonly isGranted: boolean;
  /** Units left in this window; of several processes each knows what the others took up to its own last visit to the store. */
  readonly remaining: number;
  /** Until the quota is whole again. */
  readonly resetMs: number;
}

/** Units that this process has taken from the store for one key, and what it knows of the rest. */
interface Account {
  units: number;
  remaining: number;
  endsAtMs: number;
  /** The store has no more in this window. */
  isSpent: boolean;
  /** Units that callers wait for. */
  wanted: number;
  refill: Promise<void> | null;
}

/** Accounts kept; the one used longest ago goes first, so that a flood of addresses costs a few megabytes at most. */
const MAX_ACCOUNTS = 10_000;
/** Taken at once from the store: this share of what is left, so that little lies idle in processes that do not need it. */
const SHARE = 1 / 100;
/** Below this share of a portion the next one is fetched in the background. */
const LOW = 1 / 4;

/**
 * A quota for each key in a fixed window. Portions of it are taken from the store ahead of need: most requests are paid
 * out of the portion at hand, in well under a microsecond and without a promise. Never more is granted than the quota;
 * of several processes each may be left with an unused portion at the end of a window, one in a hundred units at most.
 */
export class Allowance {
  private readonly accounts: LRUCache<string, Account>;

  constructor(
    readonly quota: number,
    readonly windowMs: number,
    private readonly store: QuotaStore,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.accounts = new LRUCache({
      max: MAX_ACCOUNTS,
      dispose: (_account, key) => {
        store.forget(key);
      },
    });
  }

  /** Takes `units` for `key`, all or none. */
  take(key: string, units: number): Standing | Promise<Standing> {
    const account = this.accountOf(key);
    if (account.units >= units || account.isSpent || units > this.quota)
      return this.settle(key, account, units);
    return this.takePatiently(key, account, units);
  }

  private async takePatiently(key: string, account: Account, units: number): Promise<Standing> {
    account.wanted += units;
    try {
      while (account.units < units && !account.isSpent) {
        account.refill ??= this.refill(key, account);
        await account.refill;
      }
    } finally {
      account.wanted -= units;
    }
    return this.settle(key, account, units);
  }

  private settle(key: string, account: Account, units: number): Standing {
    const isGranted = account.units >= units;
    if (isGranted) account.units -= units;
    const portion = portionOf(account.remaining);
    if (!account.isSpent && account.refill === null && portion > 1 && account.units < portion * LOW) {
      account.refill = this.refill(key, account);
      account.refill.catch(() => undefined); // whoever needs it meets the failure then
    }
    return {
      isGranted,
      remaining: account.units + account.remaining,
      resetMs: Math.max(1, account.endsAtMs - this.now()),
    };
  }

  private async refill(key: string, account: Account): Promise<void> {
    const asked = Math.max(portionOf(account.remaining), account.wanted - account.units);
    try {
      const { granted, remaining, resetMs } = await this.store.take(key, asked);
      const endsAtMs = this.now() + resetMs;
      // Units of a window that is over are worth nothing in the next one.
      const isNewWindow = endsAtMs > account.endsAtMs + this.windowMs / 2;
      account.units = granted + (isNewWindow ? 0 : account.units);
      account.remaining = remaining;
      account.endsAtMs = endsAtMs;
      account.isSpent = granted < asked;
    } finally {
      account.refill = null;
    }
  }

  private accountOf(key: string): Account {
    let account = this.accounts.get(key);
    const now = this.now();
    if (account === undefined) {
      account = { units: 0, remaining: 0, endsAtMs: 0, isSpent: false, wanted: 0, refill: null };
      this.accounts.set(key, account);
    }
    if (now >= account.endsAtMs) {
      account.units = 0;
      account.remaining = this.quota;
      account.isSpent = false;
      account.endsAtMs = now + this.windowMs;
    }
    return account;
  }
}

const portionOf = (remaining: number): number => Math.max(1, Math.floor(remaining * SHARE));
