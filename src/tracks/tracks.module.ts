import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module';
import { SourcesModule } from '../sources/sources.module';
import { ArtistsController } from './artists.controller';
import { ExportsController } from './exports.controller';
import { HotRead } from './hot-read';
import { TrackDocumentsRepository } from './track-documents.repository';
import { TrackRefresher } from './track-refresher';
import { TracksController } from './tracks.controller';
import { TracksRepository } from './tracks.repository';
import { TracksService } from './tracks.service';

@Module({
  imports: [SourcesModule, AuthModule],
  controllers: [TracksController, ArtistsController, ExportsController],
  providers: [TracksRepository, TrackDocumentsRepository, TrackRefresher, TracksService, HotRead],
  exports: [TracksService],
})
export class TracksModule {}
