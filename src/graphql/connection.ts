import type { Type } from '@nestjs/common';
import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import { z } from 'zod';
import { checkInput } from '../common/input.pipe';
import type { CursoredPage, PageRequest } from '../common/page';
import { AppError } from '../common/app-error';

const DEFAULT_FIRST = 50;
const MAX_FIRST = 200;

/** Arguments of every connection. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, {
    nullable: true,
    defaultValue: DEFAULT_FIRST,
    description: `How many at most: 1 to ${MAX_FIRST}.`,
  })
  first?: number | null;

  @Field(() => String, {
    nullable: true,
    description: 'Where to go on: `endCursor` of the page before, or the cursor of an edge.',
  })
  after?: string | null;
}

const pageArgs = z.object({
  first: z
    .number()
    .int()
    .min(1, `must be a whole number from 1 to ${MAX_FIRST}`)
    .max(MAX_FIRST, `must be a whole number from 1 to ${MAX_FIRST}`)
    .nullish()
    .transform((first) => first ?? DEFAULT_FIRST),
  after: z.string().min(1, 'must not be empty').max(4000, 'is not a cursor of this list').nullish(),
});

/**
 * The page that is asked for, as services take it. A cursor of REST is one here too, and the other way round.
 * @throws AppError `invalid-request`
 */
async function toPageRequest({ first, after }: PageArgs): Promise<PageRequest> {
  const checked = await checkInput(pageArgs, { first, after }, 'arguments');
  return { limit: checked.first, cursor: checked.after ?? undefined };
}

/** Lists as services page them, with the argument's name in place of REST's where a cursor is refused. */
export async function pageBy<T>(
  args: PageArgs,
  list: (page: PageRequest) => Promise<CursoredPage<T>>,
): Promise<CursoredPage<T>> {
  const page = await toPageRequest(args);
  try {
    return await list(page);
  } catch (error) {
    const [fault] = error instanceof AppError ? error.fields : [];
    if (fault?.field !== 'cursor') throw error;
    const { message } = fault;
    throw new AppError('invalid-request', `after: ${message}`, { fields: [{ field: 'after', message }] });
  }
}

/** What a connection costs: one unit for its page, and for each of its items what is read for that. */
export function connectionCost({
  args,
  childComplexity,
}: {
  args: Record<string, unknown>;
  childComplexity: number;
}): number {
  const first = typeof args['first'] === 'number' ? args['first'] : DEFAULT_FIRST;
  return 1 + Math.min(Math.max(first, 1), MAX_FIRST) * childComplexity;
}

@ObjectType({ description: 'Where a page stands in its list (Relay). Lists are read forwards.' })
export class PageInfo {
  constructor(private readonly page: CursoredPage<unknown>) {}

  @Field(() => Boolean, { description: 'Whether there is a next page.' })
  get hasNextPage(): boolean {
    return this.page.nextCursor !== null;
  }

  @Field(() => Boolean, { description: 'Always false: nothing is read backwards.' })
  readonly hasPreviousPage: boolean = false;

  @Field(() => String, { nullable: true, description: 'Cursor of the first edge; null on an empty page.' })
  get startCursor(): string | null {
    return this.page.items.length === 0 ? null : this.page.cursorOf(0);
  }

  @Field(() => String, {
    nullable: true,
    description:
      'Cursor of the last edge, for `after`; the same as `nextCursor` of REST where there is a next page.',
  })
  get endCursor(): string | null {
    const { items, nextCursor } = this.page;
    return nextCursor ?? (items.length === 0 ? null : this.page.cursorOf(items.length - 1));
  }
}

/** A page as a connection. Cursors cost a hash each, and are made when they are asked for. */
export interface Connection<T> {
  readonly edges: readonly { readonly node: T; readonly cursor: string }[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfo;
}

/** The class of connections to a type, `XConnection` and `XEdge` in the schema. */
export function connectionOf<Item, Node>(
  node: () => Type,
  name: string,
  description: string,
  toNode: (item: Item) => Node,
): Type<Connection<Node>> & (new (page: CursoredPage<Item>) => Connection<Node>) {
  @ObjectType(`${name}Edge`, { description: `${description} Its place in the list.` })
  class Edge {
    constructor(
      private readonly place: number,
      private readonly page: CursoredPage<Item>,
      private readonly item: Node,
    ) {}

    @Field(() => String, { description: 'For `after`: the list goes on behind this edge.' })
    get cursor(): string {
      return this.page.cursorOf(this.place);
    }

    @Field(node, { description: 'What is there.' })
    get node(): Node {
      return this.item;
    }
  }

  @ObjectType(`${name}Connection`, { description: `${description} A page of them.` })
  class ConnectionOfNodes implements Connection<Node> {
    private items: Node[] | undefined;

    constructor(private readonly page: CursoredPage<Item>) {}

    @Field(() => [Edge], { description: 'The page, each item with its cursor.' })
    get edges(): Edge[] {
      return this.nodes.map((item, place) => new Edge(place, this.page, item));
    }

    @Field(() => [node()], { description: 'The page, without cursors.' })
    get nodes(): Node[] {
      return (this.items ??= this.page.items.map(toNode));
    }

    @Field(() => PageInfo, { description: 'Where the page stands in the list.' })
    get pageInfo(): PageInfo {
      return new PageInfo(this.page);
    }
  }
  return ConnectionOfNodes;
}
