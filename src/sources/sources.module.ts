import { Logger, Module } from '@nestjs/common';
import { type Settings, settings } from '../config/settings';
import { RecordingSource } from '../recording/recording-source';
import { SampleModule } from '../sample/sample.module';
import { SampleSource } from '../sample/sample-source';
import { SpotifyModule } from '../spotify/spotify.module';
import { SpotifySource } from '../spotify/spotify-source';

/** Binds the port to the source that the configuration asks for. */
@Module({
  imports: [SpotifyModule, SampleModule],
  providers: [
    {
      provide: RecordingSource,
      inject: [settings.KEY, SpotifySource, SampleSource],
      useFactory: (configured: Settings, spotify: SpotifySource, sample: SampleSource): RecordingSource => {
        if (configured.spotify !== null) return spotify;
        new Logger('Sources').warn(
          'No Spotify credentials are set: the SAMPLE catalogue serves, with made-up releases. Set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET.',
        );
        return sample;
      },
    },
  ],
  exports: [RecordingSource],
})
export class SourcesModule {}
