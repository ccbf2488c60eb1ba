import { Field, Float, ID, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import { DateTime } from '../../graphql/date-time.scalar';
import type { ImportStatus } from '../import-states';

const ImportStatuses: { [Each in ImportStatus]: Each } = {
  queued: 'queued',
  running: 'running',
  paused: 'paused',
  completed: 'completed',
  cancelled: 'cancelled',
  failed: 'failed',
};
registerEnumType(ImportStatuses, {
  name: 'ImportStatus',
  description: 'How far an import is, spelled as in REST.',
  valuesMap: {
    queued: { description: 'Nothing was done yet.' },
    running: { description: 'It is being worked on.' },
    paused: { description: "The source's limit holds it, see resumesAt." },
    completed: { description: 'All rows are done.' },
    cancelled: { description: 'It was stopped; what was done is kept.' },
    failed: { description: 'It ended, and every row that was tried failed.' },
  },
});

@ObjectType({ description: 'Rows of an import by status. They add up to total, at every moment.' })
class ImportCounts {
  @Field(() => Int, { description: 'Fetched and stored.' }) created!: number;
  @Field(() => Int, { description: 'Stored already.' }) existing!: number;
  @Field(() => Int, { description: 'Fetched anew.' }) refreshed!: number;
  @Field(() => Int, { description: 'An earlier row has the code.' }) duplicate!: number;
  @Field(() => Int, { description: 'The source has no recording.' }) notFound!: number;
  @Field(() => Int, { description: 'No ISRC.' }) invalid!: number;
  @Field(() => Int, { description: 'Given up after several tries.' }) failed!: number;
  @Field(() => Int, { description: 'Not done yet.' }) pending!: number;
}

@ObjectType({ description: 'A list of codes on its way.' })
export class Import {
  @Field(() => ID, { description: 'Names the import.' }) id!: string;
  @Field(() => ImportStatuses, { description: 'How far it is.' }) status!: ImportStatus;
  @Field(() => Int, { description: 'Rows of the upload.' }) total!: number;
  @Field(() => Int, { description: 'Rows that became something: total without pending.' }) processed!: number;
  @Field(() => ImportCounts, { description: 'Rows by status.' }) counts!: ImportCounts;
  @Field(() => Float, { description: 'Rows a minute, over the last minute; 0 while nothing moves.' })
  ratePerMinute!: number;
  @Field(() => Int, {
    nullable: true,
    description:
      "Until the last row is done, by the rate and by what the source's limits allow; 0 when finished, null where nothing tells.",
  })
  etaSeconds!: number | null;
  @Field(() => DateTime, {
    nullable: true,
    description: "When the source's limit lets it go on; null unless paused.",
  })
  resumesAt!: string | null;
  @Field({ description: "Id of the API token, or the subject of the identity provider's token." })
  createdBy!: string;
  @Field(() => DateTime, { description: 'When it was accepted.' }) createdAt!: string;
  @Field(() => DateTime, { nullable: true, description: 'Null while it is queued.' })
  startedAt!: string | null;
  @Field(() => DateTime, { nullable: true, description: 'Null until it has ended.' })
  finishedAt!: string | null;
}
