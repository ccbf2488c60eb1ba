import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { diskSpaceOf } from '../common/disk-space';
import { type Settings, settings } from '../config/settings';
import { VERSION } from '../config/version';

const RESOLUTION_MS = 20;
/** Figures of the event loop are of the last so many milliseconds, or twice that. */
const WINDOW_MS = 15_000;
/** Every hundredth turn kept all callers waiting for longer. */
const SLOW_LOOP_MS = 250;
/** Of the memory that V8 may take; then it collects all the time, and a little later it gives up. */
const FULL_HEAP = 0.9;
const FRESH_MS = 1_000;

/** What this process is, and how it and its disk are doing. None of it is down: a process that could not serve would not answer. */
@Injectable()
export class ProcessHealth implements OnModuleDestroy {
  private readonly loop: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private lastWindowMs = 0;
  private readonly timer: NodeJS.Timeout;
  private disk: { readonly untilMs: number; readonly space: ReturnType<typeof diskSpaceOf> } | null = null;

  constructor(
    private readonly indicator: HealthIndicatorService,
    @Inject(settings.KEY) private readonly settings: Settings,
  ) {
    this.loop.enable();
    this.timer = setInterval(() => {
      this.lastWindowMs = this.delayMs();
      this.loop.reset();
    }, WINDOW_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.loop.disable();
  }

  /** Version, seconds since start, memory in bytes. */
  checkProcess(): HealthIndicatorResult {
    const { used_heap_size: heapBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics();
    const figures = {
      version: VERSION,
      uptimeSeconds: Math.floor(process.uptime()),
      residentBytes: process.memoryUsage.rss(),
      heapBytes,
      heapLimitBytes,
    };
    const check = this.indicator.check('process');
    if (heapBytes <= FULL_HEAP * heapLimitBytes) return check.up(figures);
    return check.degraded({ ...figures, message: 'the memory is nearly used up' });
  }

  /** How long callers wait for a turn of the event loop: the 99th percentile, in milliseconds. */
  checkEventLoop(): HealthIndicatorResult {
    const p99Ms = Math.round(Math.max(this.delayMs(), this.lastWindowMs) * 10) / 10;
    const check = this.indicator.check('eventLoop');
    if (p99Ms <= SLOW_LOOP_MS) return check.up({ p99Ms });
    return check.degraded({ p99Ms, message: 'callers wait for the process: it has more to do than it can' });
  }

  /** The disk of an SQLite file; nothing where the database is a server. */
  async checkDisk(): Promise<HealthIndicatorResult> {
    const { database } = this.settings;
    if (database.engine !== 'sqlite' || database.path === ':memory:') return {};
    const nowMs = Date.now();
    if (this.disk === null || this.disk.untilMs < nowMs)
      this.disk = { untilMs: nowMs + FRESH_MS, space: diskSpaceOf(database.path) };
    const check = this.indicator.check('disk');
    try {
      const { state, ...figures } = await this.disk.space;
      return state === 'ok' ? check.up(figures) : check.degraded({ ...figures, message: 'nearly full' });
    } catch {
      return check.degraded('cannot be looked at');
    }
  }

  /** A turn that comes in time counts as the resolution. */
  private delayMs(): number {
    return this.loop.count === 0 ? 0 : Math.max(0, this.loop.percentile(99) / 1e6 - RESOLUTION_MS);
  }
}
