import { Entity, PrimaryColumn } from 'typeorm';
import { CodeColumn } from '../../common/columns';

/**
 * Lists of tracks, each in the order of track lists: of those with a word in the title, of those with a word in an artist's
 * name, and of all.
 */
@Entity('track_word', { withoutRowid: true })
export class TrackWord {
  /** `t` and a word of the title, `a` and a word of an artist's name; empty in the list of all tracks. */
  @PrimaryColumn({
    name: 'word',
    type: 'varchar',
    length: 501,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track_word',
  })
  word!: string;

  /** `sort_rank` in three digits, then the ISRC: one text, so that a place in the list is one comparison. */
  @PrimaryColumn({
    name: 'place',
    type: 'varchar',
    length: 15,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track_word',
  })
  place!: string;

  /** The normalised title with the starts of its words marked; null in the lists by artists' words. */
  @CodeColumn('title', 1000, { nullable: true })
  title!: string | null;

  /** The artists' names likewise, one a line; null in the lists by words of the title. */
  @CodeColumn('artists', 8000, { nullable: true })
  artists!: string | null;
}
