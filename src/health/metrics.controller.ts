import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Registry } from 'prom-client';
import { RequiresScope } from '../auth/policy.decorators';
import { ApiProblems } from '../common/api-docs';
import { noQuery } from '../common/page';
import { Produces } from '../common/produces.decorator';
import { Metrics } from '../observability/metrics';

@ApiTags('health')
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: Metrics) {}

  @Get()
  @RequiresScope('ops:read')
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  @Header('cache-control', 'no-store')
  @Produces('text/plain')
  @ApiOperation({ summary: 'Figures in the text format of Prometheus' })
  @ApiOkResponse({ schema: { type: 'string' } })
  @ApiProblems()
  show(@Query({ schema: noQuery }) _query: object): Promise<string> {
    return this.metrics.describe();
  }
}
