import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequiresScope } from '../auth/policy.decorators';
import { ApiBodyProblems, ApiProblems } from '../common/api-docs';
import { callerSignal } from '../common/caller-signal';
import { sendJson } from '../common/json-reply';
import { linkNext, noBody, noQuery } from '../common/page';
import { type Isrc, requireIsrc } from '../recording/isrc';
import {
  candidateListView,
  lookupView,
  toCandidateListView,
  toLookupJson,
  toTrackPageJson,
  trackPageView,
} from './dto/lists.view';
import {
  type AddTrackBody,
  addTrackBody,
  type ListTracksQuery,
  listTracksQuery,
  type LookupBody,
  lookupBody,
} from './dto/track.input';
import { trackView } from './dto/track.view';
import { IsrcPipe } from './isrc.pipe';
import { TracksService } from './tracks.service';

const ISRC_PARAMETER = {
  name: 'isrc',
  description: 'In any accepted spelling.',
  schema: { type: 'string' },
  example: 'USWB10102873',
} as const;

@ApiTags('tracks')
@Controller('v1/tracks')
export class TracksController {
  constructor(private readonly tracks: TracksService) {}

  @Post()
  @RequiresScope('tracks:write')
  @ApiOperation({ summary: 'Fetch the recording behind an ISRC and keep it' })
  @ApiCreatedResponse({
    standardSchema: trackView,
    description: 'Fetched and stored now.',
    headers: { Location: { description: 'Path of the track.', schema: { type: 'string' } } },
  })
  @ApiOkResponse({ standardSchema: trackView, description: 'Stored already; the source was not asked.' })
  @ApiBodyProblems(
    'invalid-isrc',
    'recording-not-found',
    'source-error',
    'source-unavailable',
    'source-timeout',
  )
  async add(
    @Body({ schema: addTrackBody }) body: AddTrackBody,
    @Query({ schema: noQuery }) _query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const isrc = requireIsrc(body.isrc);
    const { track, isNew } = await this.tracks.addTrack(isrc, callerSignal(reply));
    void reply
      .status(isNew ? 201 : 200)
      .header(isNew ? 'location' : 'content-location', `/v1/tracks/${isrc}`);
    return sendJson(reply, track.body);
  }

  @Get()
  @RequiresScope('tracks:read')
  @ApiOperation({ summary: 'List stored tracks, the most popular first' })
  @ApiOkResponse({
    standardSchema: trackPageView,
    headers: { Link: { description: 'The next page, where there is one.', schema: { type: 'string' } } },
  })
  @ApiProblems()
  async list(
    @Query({ schema: listTracksQuery }) { artist, title, isrcPrefix, limit, cursor }: ListTracksQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const page = await this.tracks.listTracks(
      { artist: artist ?? null, title: title ?? null, isrcPrefix: isrcPrefix ?? null },
      { limit, cursor },
    );
    linkNext(request, reply, page);
    return sendJson(reply, toTrackPageJson(page));
  }

  @Post('lookup')
  @HttpCode(200)
  @RequiresScope('tracks:read')
  @ApiOperation({ summary: 'Look 1 to 1,000 ISRCs up among the stored tracks' })
  @ApiOkResponse({ standardSchema: lookupView })
  @ApiBodyProblems()
  async lookup(
    @Body({ schema: lookupBody }) { isrcs }: LookupBody,
    @Query({ schema: noQuery }) _query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return sendJson(reply, toLookupJson(await this.tracks.lookupTracks(isrcs)));
  }

  @Get(':isrc')
  @RequiresScope('tracks:read')
  @ApiParam(ISRC_PARAMETER)
  @ApiOperation({ summary: 'A stored track; the source is never asked' })
  @ApiOkResponse({
    standardSchema: trackView,
    headers: {
      'Content-Location': { description: 'Path with the canonical ISRC.', schema: { type: 'string' } },
    },
  })
  @ApiProblems('invalid-isrc', 'track-not-found')
  async show(
    @Param('isrc', IsrcPipe) isrc: Isrc,
    @Query({ schema: noQuery }) _query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const track = await this.tracks.getTrack(isrc);
    void reply.header('content-location', `/v1/tracks/${isrc}`).header('etag', `"${track.tag}"`);
    return sendJson(reply, track.body);
  }

  @Get(':isrc/candidates')
  @RequiresScope('tracks:read')
  @ApiParam(ISRC_PARAMETER)
  @ApiOperation({ summary: "Every track of the source found under a stored track's ISRC, best first" })
  @ApiOkResponse({ standardSchema: candidateListView })
  @ApiProblems('invalid-isrc', 'track-not-found')
  async candidates(@Param('isrc', IsrcPipe) isrc: Isrc, @Query({ schema: noQuery }) _query: object) {
    return toCandidateListView(await this.tracks.listCandidates(isrc));
  }

  @Post(':isrc/refresh')
  @HttpCode(200)
  @RequiresScope('tracks:write')
  @ApiParam(ISRC_PARAMETER)
  @ApiOperation({ summary: 'Fetch a stored track anew' })
  @ApiOkResponse({ standardSchema: trackView })
  @ApiBodyProblems(
    'invalid-isrc',
    'track-not-found',
    'recording-not-found',
    'source-error',
    'source-unavailable',
    'source-timeout',
  )
  async refresh(
    @Param('isrc', IsrcPipe) isrc: Isrc,
    @Body({ schema: noBody }) _body: unknown,
    @Query({ schema: noQuery }) _query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return sendJson(reply, (await this.tracks.refreshTrack(isrc, callerSignal(reply))).body);
  }

  @Delete(':isrc')
  @HttpCode(204)
  @RequiresScope('tracks:write')
  @ApiParam(ISRC_PARAMETER)
  @ApiOperation({ summary: 'Remove a stored track' })
  @ApiNoContentResponse({ description: 'Removed.' })
  @ApiBodyProblems('invalid-isrc', 'track-not-found')
  async remove(
    @Param('isrc', IsrcPipe) isrc: Isrc,
    @Query({ schema: noQuery }) _query: object,
  ): Promise<void> {
    await this.tracks.removeTrack(isrc);
  }
}
