import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { type Caller, callerIdOf } from '../auth/caller';
import { CurrentCaller, RequiresScope } from '../auth/policy.decorators';
import { ApiProblems } from '../common/api-docs';
import { Places } from '../common/places';
import { Produces } from '../common/produces.decorator';
import { CSV_TYPE, fileHeaders, NDJSON_TYPE, streamText } from '../common/download';
import { type ExportTracksQuery, exportTracksQuery } from './dto/track.input';
import { TRACK_COLUMNS } from './track-columns';
import { tracksAsFile } from './tracks-file';
import { TracksService } from './tracks.service';

/** Of this process, at once: each reads all that is stored. */
const EXPORTS = { all: 16, each: 4, what: 'exports', retryAfterSeconds: 10 };

@ApiTags('exports')
@Controller('v1/exports')
export class ExportsController {
  private readonly exports = new Places(EXPORTS);

  constructor(private readonly tracks: TracksService) {}

  @Get('tracks')
  @RequiresScope('tracks:read')
  @Produces('text/csv', 'application/x-ndjson')
  @ApiOperation({
    summary: 'Stored tracks as a file, the most popular first',
    description: `CSV has the columns ${TRACK_COLUMNS.join(', ')}; several artists, ids or markets are joined by "; ", and a cell that a spreadsheet would take for a formula begins with an apostrophe. NDJSON has a track a line, as \`GET /v1/tracks/{isrc}\` shows it.`,
  })
  @ApiOkResponse({
    description: 'The file, as it is read.',
    content: {
      'text/csv': { schema: { type: 'string' } },
      'application/x-ndjson': { schema: { type: 'string' } },
    },
  })
  @ApiProblems()
  export(
    @CurrentCaller() caller: Caller,
    @Query({ schema: exportTracksQuery }) { format, artist, title, isrcPrefix }: ExportTracksQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Readable {
    this.exports.takeUntilSent(callerIdOf(caller), reply.raw);
    const filter = { artist: artist ?? null, title: title ?? null, isrcPrefix: isrcPrefix ?? null };
    const headers =
      format === 'csv' ? fileHeaders(CSV_TYPE, 'tracks.csv') : fileHeaders(NDJSON_TYPE, 'tracks.ndjson');
    return streamText(request, reply, headers, () => tracksAsFile(format, this.tracks.readTracks(filter)));
  }
}
