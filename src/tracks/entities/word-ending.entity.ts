import { Entity, PrimaryColumn } from 'typeorm';

/**
 * The dictionary: each word of titles and of artists' names, by what it ends with from wherever a query can find it; see
 * `endingsOf`. Words stay when their last track goes: so writers never disagree about them, and what is left is no more than a
 * dictionary.
 */
@Entity('word_ending', { withoutRowid: true })
export class WordEnding {
  /** The word with its starts marked, from one of its characters on, cut. */
  @PrimaryColumn({
    name: 'ending',
    type: 'varchar',
    length: 24,
    collation: 'C',
    primaryKeyConstraintName: 'pk_word_ending',
  })
  ending!: string;

  /** Without marks, and without the kind that `track_word` puts before it. */
  @PrimaryColumn({
    name: 'word',
    type: 'varchar',
    length: 500,
    collation: 'C',
    primaryKeyConstraintName: 'pk_word_ending',
  })
  word!: string;
}
