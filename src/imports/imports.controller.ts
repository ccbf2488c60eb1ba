import { Controller, Get, Headers, HttpCode, Param, Post, Body, Query, Req, Res } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiHeader,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { type Caller, callerIdOf } from '../auth/caller';
import { CurrentCaller, RequiresScope } from '../auth/policy.decorators';
import { ApiBodyProblems, ApiProblems } from '../common/api-docs';
import { Produces } from '../common/produces.decorator';
import { CSV_TYPE, fileHeaders, NDJSON_TYPE, streamText } from '../common/download';
import { linkNext, noBody, noQuery } from '../common/page';
import { Places } from '../common/places';
import { RouteFacts } from '../common/route-facts';
import { ApiIdempotent, IdempotencyKey, REPLAYED_HEADER, sendAnswer } from '../idempotency/idempotency-key';
import {
  importId,
  type ListImportsQuery,
  listImportsQuery,
  type ListRowsQuery,
  listRowsQuery,
  type StartImportQuery,
  startImportQuery,
} from './dto/import.input';
import {
  importPageView,
  importRowPageView,
  importView,
  ROW_COLUMNS,
  toImportRowPageView,
} from './dto/import.view';
import { UPLOAD_BODY } from './dto/upload.description';
import { ImportEvents } from './import-events';
import { ImportsService } from './imports.service';
import { rowsAsCsv, rowsAsNdjson } from './rows-file';

const ID_PARAMETER = {
  name: 'id',
  description: 'As the import was answered with.',
  schema: { type: 'string' },
} as const;
const LINK = {
  Link: { description: 'The next page, where there is one.', schema: { type: 'string' } },
} as const;
const A_FILE = { schema: { type: 'string' } } as const;

/** Of this process, at once. */
const FILES = { all: 16, each: 4, what: 'files of rows', retryAfterSeconds: 10 };
const STREAMS = { all: 500, each: 100, what: 'streams of events', retryAfterSeconds: 5 };

@ApiTags('imports')
@Controller('v1/imports')
export class ImportsController {
  private readonly files = new Places(FILES);
  private readonly streams = new Places(STREAMS);

  constructor(
    private readonly imports: ImportsService,
    private readonly events: ImportEvents,
  ) {}

  @Post()
  @HttpCode(202)
  @RequiresScope('imports:write')
  @RouteFacts({ streamsBody: true })
  @ApiIdempotent()
  @ApiOperation({
    summary: 'Import up to 1,000,000 ISRCs',
    description:
      'Nothing is kept of an upload that is refused. Rows that hold no code are reported, and do not stop the rest. The body may be sent with `Content-Encoding: gzip`; 64 MiB are measured as it is expanded.',
    requestBody: UPLOAD_BODY,
  })
  @ApiAcceptedResponse({
    standardSchema: importView,
    description: 'All rows are kept, and will be worked on.',
    headers: {
      Location: { description: 'Path of the import.', schema: { type: 'string' } },
      ...REPLAYED_HEADER,
    },
  })
  @ApiBodyProblems('conflict', 'idempotency-key-reused')
  async start(
    @CurrentCaller() caller: Caller,
    @Query({ schema: startImportQuery }) { refresh, column }: StartImportQuery,
    @IdempotencyKey() key: string | null,
    @Req() { raw }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const upload = {
      body: raw,
      contentType: raw.headers['content-type'],
      contentEncoding: raw.headers['content-encoding'],
      column: column ?? null,
    };
    const shouldRefresh = refresh === 'true';
    return sendAnswer(reply, await this.imports.startUpload(caller, upload, { shouldRefresh, key }));
  }

  @Get()
  @RequiresScope('imports:read')
  @ApiOperation({ summary: 'List imports, newest first' })
  @ApiOkResponse({ standardSchema: importPageView, headers: LINK })
  @ApiProblems()
  async list(
    @Query({ schema: listImportsQuery }) { limit, cursor }: ListImportsQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const page = await this.imports.listImports({ limit, cursor });
    linkNext(request, reply, page);
    return { items: page.items, nextCursor: page.nextCursor };
  }

  @Get(':id')
  @RequiresScope('imports:read')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: 'How far an import is' })
  @ApiOkResponse({ standardSchema: importView })
  @ApiProblems('not-found')
  show(@Param('id', { schema: importId }) id: string, @Query({ schema: noQuery }) _query: object) {
    return this.imports.getImport(id);
  }

  @Get(':id/rows')
  @RequiresScope('imports:read')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: 'Rows of an import, in the order of the file' })
  @ApiOkResponse({ standardSchema: importRowPageView, headers: LINK })
  @ApiProblems('not-found')
  async rows(
    @Param('id', { schema: importId }) id: string,
    @Query({ schema: listRowsQuery }) { status, limit, cursor }: ListRowsQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const page = await this.imports.listRows(id, status ?? null, { limit, cursor });
    linkNext(request, reply, page);
    return toImportRowPageView(page);
  }

  @Get(':id/rows.csv')
  @RequiresScope('imports:read')
  @Produces('text/csv')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({
    summary: 'All rows as a file of CSV, in the order of the upload',
    description: `Columns: ${ROW_COLUMNS.join(', ')}. A cell that a spreadsheet would take for a formula begins with an apostrophe.`,
  })
  @ApiOkResponse({ description: 'The file, as it is read.', content: { 'text/csv': A_FILE } })
  @ApiProblems('not-found')
  async rowsAsCsv(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: importId }) id: string,
    @Query({ schema: noQuery }) _query: object,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable> {
    const batches = await this.imports.openRows(id);
    this.files.takeUntilSent(callerIdOf(caller), reply.raw);
    return streamText(request, reply, fileHeaders(CSV_TYPE, `${id}.csv`), () => rowsAsCsv(batches));
  }

  @Get(':id/rows.ndjson')
  @RequiresScope('imports:read')
  @Produces('application/x-ndjson')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: 'All rows as a file of JSON lines, in the order of the upload' })
  @ApiOkResponse({ description: 'The file, as it is read.', content: { 'application/x-ndjson': A_FILE } })
  @ApiProblems('not-found')
  async rowsAsNdjson(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: importId }) id: string,
    @Query({ schema: noQuery }) _query: object,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable> {
    const batches = await this.imports.openRows(id);
    this.files.takeUntilSent(callerIdOf(caller), reply.raw);
    return streamText(request, reply, fileHeaders(NDJSON_TYPE, `${id}.ndjson`), () => rowsAsNdjson(batches));
  }

  @Get(':id/events')
  @RequiresScope('imports:read')
  @Produces('text/event-stream')
  @ApiParam(ID_PARAMETER)
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Id of the last event that was received: the stream goes on behind it.',
    schema: { type: 'string' },
  })
  @ApiOperation({
    summary: 'The progress of an import as server-sent events',
    description:
      '`progress`, at most twice a second, and `done` at the end, each with the import as data. Then the stream ends; a client that comes back with the id of `done` gets 204, and so knows that there is nothing to wait for.',
  })
  @ApiOkResponse({ description: 'The stream.', content: { 'text/event-stream': A_FILE } })
  @ApiNoContentResponse({ description: 'The last event was received already.' })
  @ApiProblems('not-found')
  async follow(
    @CurrentCaller() caller: Caller,
    @Param('id', { schema: importId }) id: string,
    @Query({ schema: noQuery }) _query: object,
    @Headers('last-event-id') lastId: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable | undefined> {
    const stream = await this.events.open(id, lastId);
    if (stream === null) {
      void reply.status(204);
      return undefined;
    }
    this.streams.takeUntilSent(callerIdOf(caller), reply.raw);
    const headers = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
    return streamText(request, reply, headers, () => stream);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @RequiresScope('imports:write')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({
    summary: 'Stop an import, and keep what is done',
    description: 'One that is cancelled already stays so; one that has finished is a conflict.',
  })
  @ApiOkResponse({ standardSchema: importView })
  @ApiBodyProblems('not-found', 'conflict')
  cancel(
    @Param('id', { schema: importId }) id: string,
    @Body({ schema: noBody }) _body: unknown,
    @Query({ schema: noQuery }) _query: object,
  ) {
    return this.imports.cancel(id);
  }

  @Post(':id/retry')
  @HttpCode(200)
  @RequiresScope('imports:write')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({
    summary: 'Take up failed rows again, and what a cancelled import left',
    description: 'Where there is neither, nothing changes.',
  })
  @ApiOkResponse({ standardSchema: importView })
  @ApiBodyProblems('not-found')
  retry(
    @Param('id', { schema: importId }) id: string,
    @Body({ schema: noBody }) _body: unknown,
    @Query({ schema: noQuery }) _query: object,
  ) {
    return this.imports.retry(id);
  }
}
