import { Module } from '@nestjs/common';
import { SourcesModule } from '../sources/sources.module';
import { ArtistsController } from './artists.controller';
import { TrackDocumentsRepository } from './track-documents.repository';
import { TracksController } from './tracks.controller';
import { TracksRepository } from './tracks.repository';
import { TracksService } from './tracks.service';

@Module({
  imports: [SourcesModule],
  controllers: [TracksController, ArtistsController],
  providers: [TracksRepository, TrackDocumentsRepository, TracksService],
  exports: [TracksService],
})
export class TracksModule {}
