import { HttpModule } from '@nestjs/axios';
import { Module } from '@nestjs/common';
import { type Settings, settings } from '../config/settings';
import { spotifyHttpOptions, SpotifyHttp } from './spotify-http';
import { SPOTIFY_CLOCK, SPOTIFY_SETTINGS } from './spotify-settings';
import { SpotifySource } from './spotify-source';
import { SpotifyToken } from './spotify-token';

/** Spotify as a source of recordings. */
@Module({
  imports: [HttpModule.registerAsync({ useFactory: spotifyHttpOptions })],
  providers: [
    SpotifyHttp,
    SpotifyToken,
    SpotifySource,
    { provide: SPOTIFY_CLOCK, useValue: () => Date.now() },
    // Null without credentials: another source is bound then, and nothing here is ever called.
    { provide: SPOTIFY_SETTINGS, inject: [settings.KEY], useFactory: ({ spotify }: Settings) => spotify },
  ],
  exports: [SpotifySource],
})
export class SpotifyModule {}
