import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../common/api-docs';
import { noQuery } from '../common/page';
import type { Caller } from './caller';
import { meView, toMeView } from './dto/me.view';
import { AnyToken, CurrentCaller } from './policy.decorators';

@ApiTags('auth')
@Controller('v1/me')
export class MeController {
  @Get()
  @AnyToken()
  @ApiOperation({ summary: 'Who am I, and what may I do?' })
  @ApiOkResponse({ standardSchema: meView })
  @ApiProblems()
  show(@CurrentCaller() caller: Caller, @Query({ schema: noQuery }) _query: object) {
    return toMeView(caller);
  }
}
