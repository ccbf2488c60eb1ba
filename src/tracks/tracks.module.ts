import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module';
import { SourcesModule } from '../sources/sources.module';
import { ArtistsController } from './artists.controller';
import { ArtistsResolver } from './artists.resolver';
import { ExportsController } from './exports.controller';
import { HotRead } from './hot-read';
import { TrackDocumentsRepository } from './track-documents.repository';
import { TrackRefresher } from './track-refresher';
import { TracksController } from './tracks.controller';
import { TracksResolver } from './tracks.resolver';
import { TracksRepository } from './tracks.repository';
import { TracksService } from './tracks.service';

@Module({
  imports: [SourcesModule, AuthModule],
  controllers: [TracksController, ArtistsController, ExportsController],
  providers: [
    TracksRepository,
    TrackDocumentsRepository,
    TrackRefresher,
    TracksService,
    HotRead,
    TracksResolver,
    ArtistsResolver,
  ],
  exports: [TracksService],
})
export class TracksModule {}
