import { Module } from '@nestjs/common';
import { SourcesModule } from '../sources/sources.module';
import { ArtistsController } from './artists.controller';
import { CatalogueSearchRepository } from './catalogue-search.repository';
import { TrackRefresher } from './track-refresher';
import { TracksController } from './tracks.controller';
import { TracksRepository } from './tracks.repository';
import { TracksService } from './tracks.service';

@Module({
  imports: [SourcesModule],
  controllers: [TracksController, ArtistsController],
  providers: [TracksRepository, CatalogueSearchRepository, TrackRefresher, TracksService],
  exports: [TracksService],
})
export class TracksModule {}
