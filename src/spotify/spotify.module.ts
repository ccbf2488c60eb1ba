import { HttpModule } from '@nestjs/axios';
import { Module } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Settings, settings } from '../config/settings';
import { MetricsModule } from '../observability/metrics.module';
import { SpotifyBudgetRepository } from './spotify-budget.repository';
import { SpotifyBatches } from './spotify-batches';
import { SpotifyCounters } from './spotify-counters';
import { SpotifyGate } from './spotify-gate';
import { spotifyHttpOptions, SpotifyHttp } from './spotify-http';
import {
  SPOTIFY_CLOCK,
  SPOTIFY_RANDOM,
  SPOTIFY_SETTINGS,
  SPOTIFY_SLEEP,
  SPOTIFY_TICKS,
  type SpotifySleep,
} from './spotify-settings';
import { SpotifySource } from './spotify-source';
import { SpotifyMetrics } from './spotify.metrics';
import { SpotifyToken } from './spotify-token';
import { SpotifyWatch } from './spotify-watch';
import { UnwrittenCooldown } from './unwritten-cooldown';

const sleepFor: SpotifySleep = async (ms, signal) => {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
};

/** Spotify as a source of recordings. */
@Module({
  imports: [HttpModule.registerAsync({ useFactory: spotifyHttpOptions }), MetricsModule],
  providers: [
    SpotifyBudgetRepository,
    SpotifyCounters,
    UnwrittenCooldown,
    SpotifyGate,
    SpotifyWatch,
    SpotifyHttp,
    SpotifyBatches,
    SpotifyToken,
    SpotifySource,
    SpotifyMetrics,
    { provide: SPOTIFY_CLOCK, useValue: () => Date.now() },
    { provide: SPOTIFY_TICKS, useValue: () => performance.now() },
    { provide: SPOTIFY_SLEEP, useValue: sleepFor },
    { provide: SPOTIFY_RANDOM, useValue: () => Math.random() },
    // Null without credentials: another source is bound then, and nothing here is ever called.
    { provide: SPOTIFY_SETTINGS, inject: [settings.KEY], useFactory: ({ spotify }: Settings) => spotify },
  ],
  exports: [SpotifySource],
})
export class SpotifyModule {}
