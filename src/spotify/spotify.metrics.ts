import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Metrics } from '../observability/metrics';
import { SPOTIFY_SETTINGS, type SpotifySettings } from './spotify-settings';
import { type SpotifyReport, SpotifySource } from './spotify-source';

const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;
const HOSTS = ['api', 'accounts'] as const;

/** What the source reports, as metrics. Counts are of this process; window, day and cooldown of all on one database. */
@Injectable()
export class SpotifyMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly source: SpotifySource,
    @Inject(SPOTIFY_SETTINGS) private readonly settings: SpotifySettings | null,
  ) {}

  /** Without credentials another source serves, and there is nothing to show. */
  onModuleInit(): void {
    if (this.settings === null) return;
    const showCounts = this.counters();
    const showGauges = this.gauges();
    this.metrics.beforeEach(async () => {
      const report = await this.source.report();
      showCounts(report);
      showGauges(report);
    });
  }

  private counters(): (report: SpotifyReport) => void {
    const registers = [this.metrics.registry];
    const calls = new Counter({
      name: 'deadwax_source_calls_total',
      help: 'Calls to Spotify, each try, by host and how they ended',
      labelNames: ['host', 'outcome'] as const,
      registers,
    });
    const opened = new Counter({
      name: 'deadwax_source_breaker_opened_total',
      help: 'How often the circuit breaker of a host opened',
      labelNames: ['host'] as const,
      registers,
    });
    const plain = {
      retries: new Counter({
        name: 'deadwax_source_retries_total',
        help: 'Tries beyond the first',
        registers,
      }),
      notModified: new Counter({
        name: 'deadwax_source_not_modified_total',
        help: 'Answers 304 to refreshes',
        registers,
      }),
      batches: new Counter({
        name: 'deadwax_source_batches_total',
        help: 'Calls for many tracks at once',
        registers,
      }),
      batchedTracks: new Counter({
        name: 'deadwax_source_batched_tracks_total',
        help: 'Tracks that such calls asked for',
        registers,
      }),
    };
    return ({ counts }) => {
      calls.reset();
      opened.reset();
      for (const host of HOSTS) {
        for (const [outcome, count] of Object.entries(counts.calls[host]))
          calls.inc({ host, outcome }, count);
        opened.inc({ host }, counts.breakersOpened[host]);
      }
      for (const [name, counter] of Object.entries(plain)) {
        counter.reset();
        counter.inc(counts[name as keyof typeof plain]);
      }
    };
  }

  private gauges(): (report: SpotifyReport) => void {
    const registers = [this.metrics.registry];
    const windowCalls = gauge('window_calls', 'Calls of the last 30 seconds, of all processes', []);
    const windowLimit = gauge('window_limit', 'Calls allowed in 30 seconds: as configured, as learned', [
      'kind',
    ]);
    const dayCalls = gauge(
      'day_calls',
      'Calls of the last 24 hours, of all processes: all, and those of bulk work',
      ['lane'],
    );
    const dayLimit = gauge('day_limit', 'Calls allowed in 24 hours', ['lane']);
    const cooldown = gauge('cooldown_seconds', 'Until Spotify may be asked again; 0 where it may', []);
    const quota = gauge('quota_exceeded', '1 while the cooldown is for a spent quota', []);
    const breaker = gauge('breaker_state', '1 for the state that the circuit breaker of a host is in', [
      'host',
      'state',
    ]);
    const fault = gauge('configuration_fault', '1 while Spotify refuses the configured credentials', []);
    const lastSuccess = gauge('last_success_timestamp_seconds', 'When a call last went well', []);
    const lastFailure = gauge('last_failure_timestamp_seconds', 'When a call last failed', []);

    function gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
      // Workers tell the same figures of all processes, or each its own state: the greatest is the one to know.
      return new Gauge({ name: `deadwax_source_${name}`, help, labelNames, registers, aggregator: 'max' });
    }
    /** A figure that there is none of is not shown, rather than shown wrong. */
    const show = <Label extends string>(
      shown: Gauge<Label>,
      figures: readonly [Partial<Record<Label, string>>, number | null | undefined][],
    ): void => {
      shown.reset();
      for (const [labels, figure] of figures) {
        if (figure === null || figure === undefined) shown.remove(labels);
        else shown.set(labels, figure);
      }
    };

    return ({ window, day, cooldown: wait, breakers, fault: told, lastSuccessAt, lastFailure: failure }) => {
      const isKnown = window !== undefined;
      show(windowCalls, [[{}, window?.used]]);
      show(windowLimit, [
        [{ kind: 'configured' }, window?.limit],
        [{ kind: 'learned' }, window?.learned],
      ]);
      show(dayCalls, [
        [{ lane: 'all' }, day?.used],
        [{ lane: 'bulk' }, day?.bulkUsed],
      ]);
      show(dayLimit, [
        [{ lane: 'all' }, day?.limit],
        [{ lane: 'bulk' }, day?.bulkLimit],
      ]);
      show(cooldown, [[{}, isKnown ? (wait?.seconds ?? 0) : null]]);
      show(quota, [[{}, isKnown ? Number(wait?.reason === 'quota') : null]]);
      show(
        breaker,
        HOSTS.flatMap((host) =>
          BREAKER_STATES.map((state): [{ host: string; state: string }, number] => [
            { host, state },
            Number(breakers[host] === state),
          ]),
        ),
      );
      show(fault, [[{}, Number(told !== null)]]);
      show(lastSuccess, [[{}, secondsOf(lastSuccessAt)]]);
      show(lastFailure, [[{}, secondsOf(failure?.at ?? null)]]);
    };
  }
}

function secondsOf(moment: string | null): number | null {
  return moment === null ? null : Date.parse(moment) / 1000;
}
