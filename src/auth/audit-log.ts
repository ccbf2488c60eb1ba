import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { AuditOrigin } from './audit-origin';
import type { AuditEvent } from './entities/audit-event.entity';

const WINDOW_MS = 60_000;
/** Of one address, and of all: what is more is counted. */
const LINES_AN_ADDRESS = 10;
const LINES_IN_ALL = 300;

/** A call that was refused: 401 or 403. */
export interface Denial extends AuditOrigin {
  readonly method: string;
  /** As a template, never as sent. */
  readonly route: string | null;
  readonly status: number;
  /** `error` and `scope` of the challenge sent (RFC 6750): no token at all has none. */
  readonly error: string | null;
  readonly scope: string | null;
}

/**
 * Lines for who watches over access. Each has `audit`, the name of the event, which stays the same over versions.
 * Changes of tokens are kept in `audit_event` too; refused calls are told here alone, and a flood of them is cut and
 * counted. No text or hash of a token is in any.
 */
@Injectable()
export class AuditLog implements OnModuleDestroy {
  private readonly logger = new Logger('Audit');
  private readonly linesByAddress = new Map<string, number>();
  private lines = 0;
  private suppressed = 0;
  private windowEnd: NodeJS.Timeout | null = null;

  /** Tells of a change that was committed. */
  changed({ event, tokenId, actor, address, userAgent, requestId, details }: AuditEvent): void {
    this.logger.log({ audit: event, tokenId, actor, address, userAgent, requestId, ...details }, event);
  }

  /** Tells of a refused call, or counts it where its address or all of them had many in this minute. */
  denied(denial: Denial): void {
    this.windowEnd ??= setTimeout(() => {
      this.endWindow();
    }, WINDOW_MS).unref();
    const address = denial.address ?? '';
    const before = this.linesByAddress.get(address) ?? 0;
    if (before >= LINES_AN_ADDRESS || this.lines >= LINES_IN_ALL) {
      this.suppressed++;
      return;
    }
    this.linesByAddress.set(address, before + 1);
    this.lines++;
    this.logger.warn({ audit: 'access.denied', ...denial }, 'access.denied');
  }

  onModuleDestroy(): void {
    this.endWindow();
  }

  private endWindow(): void {
    if (this.windowEnd !== null) clearTimeout(this.windowEnd);
    this.windowEnd = null;
    if (this.suppressed > 0) {
      const { suppressed, lines } = this;
      this.logger.warn(
        { audit: 'access.denied.suppressed', suppressed, told: lines },
        'access.denied.suppressed',
      );
    }
    this.linesByAddress.clear();
    this.lines = 0;
    this.suppressed = 0;
  }
}
