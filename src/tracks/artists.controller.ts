import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequiresScope } from '../auth/policy.decorators';
import { ApiProblems } from '../common/api-docs';
import { sendJson } from '../common/json-reply';
import { linkNext, noQuery } from '../common/page';
import {
  artistPageView,
  artistView,
  toArtistPageView,
  toArtistView,
  toTrackPageJson,
  trackPageView,
} from './dto/lists.view';
import {
  artistId,
  type ListArtistsQuery,
  listArtistsQuery,
  type ListQuery,
  listQuery,
} from './dto/track.input';
import { TracksService } from './tracks.service';

const ID_PARAMETER = {
  name: 'id',
  description: "The artist's id at the source.",
  schema: { type: 'string', minLength: 1, maxLength: 64 },
} as const;

@ApiTags('artists')
@Controller('v1/artists')
export class ArtistsController {
  constructor(private readonly tracks: TracksService) {}

  @Get()
  @RequiresScope('tracks:read')
  @ApiOperation({
    summary:
      'List artists: exact name first, then names that begin with the query, then the rest; then by name, id',
  })
  @ApiOkResponse({
    standardSchema: artistPageView,
    headers: { Link: { description: 'The next page, where there is one.', schema: { type: 'string' } } },
  })
  @ApiProblems()
  async list(
    @Query({ schema: listArtistsQuery }) { name, limit, cursor }: ListArtistsQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const page = await this.tracks.listArtists(name ?? null, { limit, cursor });
    linkNext(request, reply, page);
    return toArtistPageView(page);
  }

  @Get(':id')
  @RequiresScope('tracks:read')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: 'An artist of stored tracks' })
  @ApiOkResponse({ standardSchema: artistView })
  @ApiProblems('not-found')
  async show(@Param('id', { schema: artistId }) id: string, @Query({ schema: noQuery }) _query: object) {
    return toArtistView(await this.tracks.getArtist(id));
  }

  @Get(':id/tracks')
  @RequiresScope('tracks:read')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: "An artist's stored tracks, the most popular first" })
  @ApiOkResponse({
    standardSchema: trackPageView,
    headers: { Link: { description: 'The next page, where there is one.', schema: { type: 'string' } } },
  })
  @ApiProblems('not-found')
  async listTracks(
    @Param('id', { schema: artistId }) id: string,
    @Query({ schema: listQuery }) { limit, cursor }: ListQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const page = await this.tracks.listArtistTracks(id, { limit, cursor });
    linkNext(request, reply, page);
    return sendJson(reply, toTrackPageJson(page));
  }
}
