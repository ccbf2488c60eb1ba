import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import type { Caller } from '../auth/caller';
import { CurrentCaller, RequiresScope } from '../auth/policy.decorators';
import { checkInput } from '../common/input.pipe';
import { importId } from './dto/import.input';
import { Import } from './dto/import.type';
import { ImportsService } from './imports.service';

const ID_ARGUMENT = { type: () => ID, description: 'As the import was answered with.' } as const;

@Resolver(() => Import)
export class ImportsResolver {
  constructor(private readonly imports: ImportsService) {}

  @Query(() => Import, {
    name: 'import',
    nullable: true,
    description: 'How far an import is. Null, with an error, where there is none of this id.',
    complexity: 1,
  })
  @RequiresScope('imports:read')
  async show(@Args('id', ID_ARGUMENT) id: string): Promise<Import> {
    return this.imports.getImport(await checkInput(importId, id, 'id'));
  }

  @Mutation(() => Import, {
    nullable: true,
    description:
      'Imports a list of ISRCs in the background, as many as a body of 1 MiB holds; more go by POST /v1/imports. Rows that hold no code are reported, and do not stop the rest.',
    complexity: 1,
  })
  @RequiresScope('imports:write')
  startImport(
    @CurrentCaller() caller: Caller,
    @Args('isrcs', { type: () => [String], description: 'At least one, in any accepted spelling.' })
    isrcs: string[],
    @Args('refresh', { type: () => Boolean, defaultValue: false, description: 'Fetch stored tracks anew.' })
    shouldRefresh: boolean,
  ): Promise<Import> {
    return this.imports.startList(isrcs, { shouldRefresh, createdBy: caller.subject });
  }

  @Mutation(() => Import, {
    nullable: true,
    description: 'Stops an import, and keeps what is done. One that has finished is a conflict.',
    complexity: 1,
  })
  @RequiresScope('imports:write')
  async cancelImport(@Args('id', ID_ARGUMENT) id: string): Promise<Import> {
    return this.imports.cancel(await checkInput(importId, id, 'id'));
  }
}
