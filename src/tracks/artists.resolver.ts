import { Args, Context, ID, Int, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import DataLoader from 'dataloader';
import { RequiresScope } from '../auth/policy.decorators';
import { checkInput } from '../common/input.pipe';
import { connectionCost, PageArgs, pageBy } from '../graphql/connection';
import type { GraphqlContext } from '../graphql/graphql-context';
import { toArtistView } from './dto/lists.view';
import { artistFilter, artistId } from './dto/track.input';
import { Artist, ArtistConnection, TrackConnection } from './dto/track.type';
import { TracksService } from './tracks.service';

/** Artists of a list are counted together, by one statement: far less than a call each. */
const COUNT_COST = 0.02;

@Resolver(() => Artist)
export class ArtistsResolver {
  constructor(private readonly tracks: TracksService) {}

  @Query(() => Artist, {
    nullable: true,
    description: 'An artist of stored tracks. Null, with an error, where there is none of this id.',
    complexity: 1,
  })
  @RequiresScope('tracks:read')
  async artist(
    @Args('id', { type: () => ID, description: "The artist's id at the source." }) given: string,
  ): Promise<Artist> {
    return toArtistView(await this.tracks.getArtist(await checkInput(artistId, given, 'id')));
  }

  @Query(() => ArtistConnection, {
    nullable: true,
    description: 'Artists of stored tracks, those whose name fits best first.',
    complexity: connectionCost,
  })
  @RequiresScope('tracks:read')
  async artists(
    @Args('name', {
      type: () => String,
      nullable: true,
      description:
        'Part of the name. Case, accents and width do not matter; each word must be found, as the start of a word or, from three characters on, inside one.',
    })
    given: string | null | undefined,
    @Args() args: PageArgs,
  ) {
    const { name = null } = await checkInput(artistFilter, { name: given ?? undefined }, 'arguments');
    return new ArtistConnection(await pageBy(args, (page) => this.tracks.listArtists(name, page)));
  }

  @ResolveField(() => Int, {
    nullable: true,
    description: 'How many stored tracks name the artist. Null where that was denied.',
    complexity: COUNT_COST,
  })
  @RequiresScope('tracks:read')
  trackCount(
    @Parent() { id, trackCount }: Artist,
    @Context() context: GraphqlContext,
  ): number | Promise<number> {
    if (trackCount !== undefined) return trackCount;
    const counts = context.share(
      ArtistsResolver,
      () => new DataLoader<string, number>((ids) => this.tracks.countTracks(ids), { maxBatchSize: 1000 }),
    );
    return counts.load(id);
  }

  @ResolveField('tracks', () => TrackConnection, {
    nullable: true,
    description: "The artist's stored tracks, the most popular first. Null where that was denied.",
    complexity: connectionCost,
  })
  @RequiresScope('tracks:read')
  async listTracks(@Parent() { id }: Artist, @Args() args: PageArgs) {
    return new TrackConnection(await pageBy(args, (page) => this.tracks.listTracksOfKnown(id, page)));
  }
}
