import { Query, Resolver } from '@nestjs/graphql';
import type { Caller } from './caller';
import { Me } from './dto/me.type';
import { toMeView } from './dto/me.view';
import { AnyToken, CurrentCaller } from './policy.decorators';

@Resolver(() => Me)
export class MeResolver {
  @Query(() => Me, { description: 'Who am I, and what may I do?', complexity: 1 })
  @AnyToken()
  me(@CurrentCaller() caller: Caller): Me {
    return toMeView(caller);
  }
}
