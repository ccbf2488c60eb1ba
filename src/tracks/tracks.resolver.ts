import { Args, Context, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { RequiresScope } from '../auth/policy.decorators';
import { callerSignal } from '../common/caller-signal';
import { checkInput } from '../common/input.pipe';
import { connectionCost, PageArgs, pageBy } from '../graphql/connection';
import type { GraphqlContext } from '../graphql/graphql-context';
import { requireIsrc } from '../recording/isrc';
import { lookupBody, trackFilter } from './dto/track.input';
import { readDocument, Track, TrackConnection, TrackFilterInput, TrackLookup } from './dto/track.type';
import type { TrackView } from './dto/track.view';
import { TracksService } from './tracks.service';

const ISRC = { description: 'In any accepted spelling.' } as const;

@Resolver(() => Track)
export class TracksResolver {
  constructor(private readonly tracks: TracksService) {}

  @Query(() => Track, {
    nullable: true,
    description: 'A stored track; the source is never asked. Null, with an error, where it is not stored.',
    complexity: 1,
  })
  @RequiresScope('tracks:read')
  async track(@Args('isrc', ISRC) isrc: string): Promise<TrackView> {
    return readDocument(await this.tracks.getTrack(requireIsrc(isrc)));
  }

  @Query(() => TrackConnection, {
    nullable: true,
    name: 'tracks',
    description: 'Stored tracks, the most popular first.',
    complexity: connectionCost,
  })
  @RequiresScope('tracks:read')
  async listTracks(
    @Args('filter', {
      type: () => TrackFilterInput,
      nullable: true,
      description: 'Which ones; all unless told.',
    })
    given: TrackFilterInput | null | undefined,
    @Args() args: PageArgs,
  ) {
    const filter = await checkInput(trackFilter, withoutNulls(given ?? {}), 'filter');
    const { artist = null, title = null, isrcPrefix = null } = filter;
    return new TrackConnection(
      await pageBy(args, (page) => this.tracks.listTracks({ artist, title, isrcPrefix }, page)),
    );
  }

  @Query(() => [TrackLookup], {
    nullable: true,
    description: 'Looks 1 to 1,000 ISRCs up among the stored tracks: one entry for each, in the order asked.',
    complexity: ({ args, childComplexity }) => 1 + (args['isrcs'] as unknown[]).length * childComplexity,
  })
  @RequiresScope('tracks:read')
  async tracksByIsrc(
    @Args('isrcs', { type: () => [String], description: 'In any accepted spelling.' }) given: string[],
  ): Promise<TrackLookup[]> {
    const { isrcs } = await checkInput(lookupBody, { isrcs: given }, 'isrcs');
    const results = await this.tracks.lookupTracks(isrcs);
    return results.map(({ track, ...entry }) => ({ ...entry, track: track && readDocument(track) }));
  }

  @Mutation(() => Track, {
    nullable: true,
    description:
      'Fetches the recording behind an ISRC and keeps it; one that is stored already is answered as it is.',
    complexity: 1,
  })
  @RequiresScope('tracks:write')
  async addTrack(@Args('isrc', ISRC) isrc: string, @Context() { reply }: GraphqlContext): Promise<TrackView> {
    return readDocument((await this.tracks.addTrack(requireIsrc(isrc), callerSignal(reply))).track);
  }

  @Mutation(() => Track, { nullable: true, description: 'Fetches a stored track anew.', complexity: 1 })
  @RequiresScope('tracks:write')
  async refreshTrack(
    @Args('isrc', ISRC) isrc: string,
    @Context() { reply }: GraphqlContext,
  ): Promise<TrackView> {
    return readDocument(await this.tracks.refreshTrack(requireIsrc(isrc), callerSignal(reply)));
  }

  @Mutation(() => ID, {
    nullable: true,
    description: 'Removes a stored track. The canonical ISRC of what was removed.',
    complexity: 1,
  })
  @RequiresScope('tracks:write')
  async removeTrack(@Args('isrc', ISRC) given: string): Promise<string> {
    const isrc = requireIsrc(given);
    await this.tracks.removeTrack(isrc);
    return isrc;
  }
}

/** No value is null here, and a missing member there. */
function withoutNulls(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}
