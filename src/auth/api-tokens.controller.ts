import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiBodyProblems, ApiProblems } from '../common/api-docs';
import { linkNext, noQuery } from '../common/page';
import {
  ApiIdempotent,
  fingerprintOf,
  IdempotencyKey,
  REPLAYED_HEADER,
  sendAnswer,
} from '../idempotency/idempotency-key';
import { ApiTokenIssuer } from './api-token-issuer';
import { ApiTokensService } from './api-tokens.service';
import { type AuditOrigin, CurrentOrigin } from './audit-origin';
import type { Caller } from './caller';
import {
  type CreateTokenBody,
  createTokenBody,
  type ListTokensQuery,
  listTokensQuery,
  type RotateTokenBody,
  rotateTokenBody,
} from './dto/api-token.input';
import {
  apiTokenPageView,
  apiTokenView,
  issuedTokenView,
  toApiTokenPageView,
  toApiTokenView,
  toIssuedAnswer,
} from './dto/api-token.view';
import { CurrentCaller, RequiresScope } from './policy.decorators';

const ID_PARAMETER = {
  name: 'id',
  schema: { type: 'string' },
  example: 'tok_80a0a3071f1d43dae27b4fbe',
} as const;
const LOCATION = { Location: { description: 'Path of the token.', schema: { type: 'string' as const } } };

@ApiTags('tokens')
@Controller('v1/tokens')
export class ApiTokensController {
  constructor(
    private readonly tokens: ApiTokensService,
    private readonly issuer: ApiTokenIssuer,
  ) {}

  @Post()
  @RequiresScope('tokens:admin')
  @ApiOperation({ summary: 'Make an API token; its text is shown this once' })
  @ApiIdempotent()
  @ApiCreatedResponse({ standardSchema: issuedTokenView, headers: { ...LOCATION, ...REPLAYED_HEADER } })
  @ApiBodyProblems('conflict', 'idempotency-key-reused')
  async create(
    @Body({ schema: createTokenBody }) wish: CreateTokenBody,
    @Query({ schema: noQuery }) _query: object,
    @IdempotencyKey() key: string | null,
    @CurrentCaller() caller: Caller,
    @CurrentOrigin() origin: AuditOrigin,
    @Req() { body }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const call = { key, fingerprint: fingerprintOf(body) };
    return sendAnswer(reply, await this.issuer.issue(caller, wish, origin, call, toIssuedAnswer));
  }

  @Get()
  @RequiresScope('tokens:admin')
  @ApiOperation({ summary: 'List API tokens, oldest first' })
  @ApiOkResponse({
    standardSchema: apiTokenPageView,
    headers: { Link: { description: 'The next page, where there is one.', schema: { type: 'string' } } },
  })
  @ApiProblems()
  async list(
    @Query({ schema: listTokensQuery }) { limit, cursor }: ListTokensQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const page = await this.tokens.list({ limit, cursor });
    linkNext(request, reply, page);
    return toApiTokenPageView(page);
  }

  @Get(':id')
  @RequiresScope('tokens:admin')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: 'Read one API token' })
  @ApiOkResponse({ standardSchema: apiTokenView })
  @ApiProblems('not-found')
  async show(@Param('id') id: string, @Query({ schema: noQuery }) _query: object) {
    return toApiTokenView(await this.tokens.get(id));
  }

  @Delete(':id')
  @HttpCode(204)
  @RequiresScope('tokens:admin')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: 'Revoke an API token: refused from now on' })
  @ApiNoContentResponse({ description: 'Revoked, now or before. Other replicas refuse it within 5 seconds.' })
  @ApiBodyProblems('not-found')
  async revoke(
    @Param('id') id: string,
    @Query({ schema: noQuery }) _query: object,
    @CurrentOrigin() origin: AuditOrigin,
  ): Promise<void> {
    await this.tokens.revoke(id, origin);
  }

  @Post(':id/rotate')
  @RequiresScope('tokens:admin')
  @ApiParam(ID_PARAMETER)
  @ApiOperation({ summary: 'Give an API token a new text; the old one ends, at once or after an overlap' })
  @ApiBody({ required: false, schema: { $ref: '#/components/schemas/RotateToken' } })
  @ApiCreatedResponse({ standardSchema: issuedTokenView, headers: LOCATION })
  @ApiBodyProblems('not-found', 'conflict')
  async rotate(
    @Param('id') id: string,
    @Body({ schema: rotateTokenBody }) body: RotateTokenBody,
    @Query({ schema: noQuery }) _query: object,
    @CurrentCaller() caller: Caller,
    @CurrentOrigin() origin: AuditOrigin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const issued = await this.tokens.rotate(id, body?.overlapSeconds ?? 0, caller, origin);
    return sendAnswer(reply, { answer: toIssuedAnswer(issued), isReplay: false });
  }
}
