import { type MigrationInterface, type QueryRunner, Table, TableIndex } from 'typeorm';
import { columnsFor } from '../migration-columns';

/** Tracks, albums, artists, their word index, remembered misses, API tokens. */
export class Initial1795305600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const { code, text, json, moment, integer, small, flag } = await columnsFor(runner);
    const key = (table: string) => ({ isPrimary: true, primaryKeyConstraintName: `pk_${table}` });

    await runner.createTable(
      new Table({
        name: 'track',
        columns: [
          code('isrc', 12, key('track')),
          text('title'),
          code('title_norm', 500),
          code('album_id', 64),
          integer('duration_ms'),
          flag('explicit'),
          small('popularity', { isNullable: true }),
          small('sort_rank'),
          integer('disc_number'),
          integer('track_number'),
          text('preview_url', { isNullable: true }),
          json('available_markets', { isNullable: true }),
          code('source_name', 20),
          code('source_id', 64),
          text('source_url'),
          moment('fetched_at_ms'),
          code('match_rule', 20),
          integer('match_candidates'),
          code('match_market', 2, { isNullable: true }),
          moment('created_at_ms'),
          moment('updated_at_ms'),
        ],
        indices: [
          new TableIndex({ name: 'ix_track_order', columnNames: ['sort_rank', 'isrc'] }),
          new TableIndex({ name: 'ix_track_album', columnNames: ['album_id'] }),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'album',
        columns: [
          code('id', 64, key('album')),
          text('title'),
          code('type', 20),
          code('release_date', 10, { isNullable: true }),
          code('release_date_precision', 5, { isNullable: true }),
          integer('total_tracks'),
          code('upc', 64, { isNullable: true }),
          text('label', { isNullable: true }),
          text('url'),
          json('images'),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'artist',
        columns: [code('id', 64, key('artist')), text('name'), code('name_norm', 500), text('url')],
        indices: [new TableIndex({ name: 'ix_artist_name', columnNames: ['name_norm', 'id'] })],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'track_artist',
        columns: [
          code('isrc', 12, key('track_artist')),
          integer('position', key('track_artist')),
          code('artist_id', 64),
          small('sort_rank'),
        ],
        indices: [
          new TableIndex({ name: 'ix_track_artist_order', columnNames: ['artist_id', 'sort_rank', 'isrc'] }),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'candidate',
        columns: [
          code('isrc', 12, key('candidate')),
          integer('position', key('candidate')),
          code('source_id', 64),
          flag('is_chosen'),
          json('details'),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'artist_gram',
        columns: [code('gram', 4, key('artist_gram')), code('artist_id', 64, key('artist_gram'))],
        indices: [new TableIndex({ name: 'ix_artist_gram_artist', columnNames: ['artist_id'] })],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'track_gram',
        columns: [code('gram', 4, key('track_gram')), code('isrc', 12, key('track_gram'))],
        indices: [new TableIndex({ name: 'ix_track_gram_isrc', columnNames: ['isrc'] })],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'recording_miss',
        columns: [code('isrc', 12, key('recording_miss')), moment('expires_at_ms')],
        indices: [new TableIndex({ name: 'ix_recording_miss_expiry', columnNames: ['expires_at_ms'] })],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'api_token',
        columns: [
          code('id', 40, key('api_token')),
          text('name'),
          code('token_hash', 64),
          code('hint', 12),
          json('scopes'),
          moment('created_at_ms'),
          moment('expires_at_ms', { isNullable: true }),
          moment('last_used_at_ms', { isNullable: true }),
          moment('revoked_at_ms', { isNullable: true }),
        ],
        indices: [new TableIndex({ name: 'ux_api_token_hash', columnNames: ['token_hash'], isUnique: true })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [
      'api_token',
      'recording_miss',
      'track_gram',
      'artist_gram',
      'candidate',
      'track_artist',
      'artist',
      'album',
      'track',
    ]) {
      await runner.dropTable(table);
    }
  }
}
