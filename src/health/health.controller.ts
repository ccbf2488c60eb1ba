import { Controller, Get, Header, HttpException, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheckService, type HealthCheckResult } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { Public, RequiresScope } from '../auth/policy.decorators';
import { ApiDown, ApiProblems, ApiPublicProblems } from '../common/api-docs';
import { noQuery } from '../common/page';
import { DatabaseConnector } from '../database/database.connector';
import { DatabaseHealth } from '../database/database.health';
import { ImportsHealth } from '../imports/imports.health';
import { fullHealthView, statusView } from './health.view';
import { ProcessHealth } from './process.health';
import { ServiceHealth } from './service.health';

interface Status {
  readonly status: 'ok' | 'error';
}

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly connector: DatabaseConnector,
    private readonly database: DatabaseHealth,
    private readonly service: ServiceHealth,
    private readonly imports: ImportsHealth,
    private readonly process: ProcessHealth,
  ) {}

  @Get('live')
  @Public()
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Can the process serve? Touches nothing else' })
  @ApiOkResponse({ standardSchema: statusView })
  @ApiPublicProblems()
  live(@Query({ schema: noQuery }) _query: object): Status {
    return { status: 'ok' };
  }

  @Get('ready')
  @Public()
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Should it get traffic? Database, migrations, not shutting down' })
  @ApiOkResponse({ standardSchema: statusView })
  @ApiDown('HealthStatus', 'Not now.', 'shutting-down')
  @ApiPublicProblems()
  async ready(
    @Query({ schema: noQuery }) _query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Status> {
    if (reply.server.departure.hasBegun) return answer(reply, false);
    const { status } = await this.examine(() => this.database.check());
    return answer(reply, status === 'ok' || status === 'degraded');
  }

  @Get('startup')
  @Public()
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Has it started? The database was reached and its schema is current' })
  @ApiOkResponse({ standardSchema: statusView })
  @ApiDown('HealthStatus', 'Not yet.', 'shutting-down')
  @ApiPublicProblems()
  startup(
    @Query({ schema: noQuery }) _query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Status {
    return answer(reply, this.connector.state === 'ready');
  }

  @Get()
  @RequiresScope('ops:read')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'The health of every part, with figures' })
  @ApiOkResponse({ standardSchema: fullHealthView })
  @ApiDown('Health', 'A part is down.', 'database-unavailable', 'shutting-down')
  @ApiProblems()
  async full(
    @Query({ schema: noQuery }) _query: object,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<HealthCheckResult> {
    const result = await this.examine(
      () => this.database.check(),
      () => this.service.checkSource(),
      () => this.imports.check(),
      () => this.service.checkIdentityProvider(),
      () => this.database.checkReplicas(),
      () => this.service.checkRedis(),
      () => this.process.checkDisk(),
      () => this.process.checkEventLoop(),
      () => this.process.checkProcess(),
    );
    if (reply.server.departure.hasBegun) result.status = 'shutting_down';
    void reply.status(result.status === 'ok' || result.status === 'degraded' ? 200 : 503);
    return result;
  }

  /** Terminus throws a result that is not good; here it is an answer like any other. */
  private async examine(...checks: Parameters<HealthCheckService['check']>[0]): Promise<HealthCheckResult> {
    try {
      return await this.health.check(checks);
    } catch (error) {
      if (error instanceof HttpException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }
}

function answer(reply: FastifyReply, isGood: boolean): Status {
  void reply.status(isGood ? 200 : 503);
  return { status: isGood ? 'ok' : 'error' };
}
