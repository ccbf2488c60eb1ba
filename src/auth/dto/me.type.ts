import { Field, ObjectType } from '@nestjs/graphql';
import { DateTime } from '../../graphql/date-time.scalar';

@ObjectType({ description: 'The caller.' })
export class Me {
  @Field({ description: 'Id of the API token, or `sub` of the JWT.' }) subject!: string;
  @Field(() => String, { description: '`api-token` or `jwt`.' }) kind!: string;
  @Field(() => [String], { description: 'What the token may do, as in `tracks:read`.' }) scopes!: string[];
  @Field(() => DateTime, { nullable: true, description: 'Null where it does not expire.' })
  expiresAt!: string | null;
}
