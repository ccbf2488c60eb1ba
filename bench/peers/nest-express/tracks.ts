import { Controller, Get, Module, NotFoundException, Param, Query } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Injectable } from '@nestjs/common';
import { Repository } from 'typeorm';
import { Album, Artist, Track, TrackArtist } from './entities';

const RELATIONS = { album: true, credits: { artist: true } } as const;
const PAGE = 50;

@Injectable()
export class TracksService {
  constructor(@InjectRepository(Track) private readonly tracks: Repository<Track>) {}

  async findOne(isrc: string): Promise<Track> {
    const track = await this.tracks.findOne({
      where: { isrc },
      relations: RELATIONS,
      order: { credits: { position: 'ASC' } },
    });
    if (!track) throw new NotFoundException();
    return track;
  }

  findPage(page: number): Promise<Track[]> {
    return this.tracks.find({
      relations: RELATIONS,
      order: { popularity: 'DESC', isrc: 'ASC' },
      skip: (page - 1) * PAGE,
      take: PAGE,
    });
  }
}

@Controller('v1/tracks')
export class TracksController {
  constructor(private readonly tracks: TracksService) {}

  @Get()
  async list(@Query('page') page = '1') {
    return { items: await this.tracks.findPage(Number(page)) };
  }

  @Get(':isrc')
  show(@Param('isrc') isrc: string): Promise<Track> {
    return this.tracks.findOne(isrc);
  }
}

@Controller('health')
export class HealthController {
  @Get('live')
  live() {
    return { status: 'ok' };
  }
}

@Module({
  imports: [TypeOrmModule.forFeature([Track, Album, Artist, TrackArtist])],
  controllers: [TracksController, HealthController],
  providers: [TracksService],
})
export class TracksModule {}
