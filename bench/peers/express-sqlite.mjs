/** The one-file script: Express, better-sqlite3, a query for each of track, album, artists, and their ids. */
import { createRequire } from 'node:module';
import Database from 'better-sqlite3';
import { AUTHORIZATION, HOST, PORT, toView } from './peer.mjs';

const express = createRequire(import.meta.url)('express');

const database = new Database(process.env.DATABASE_URL, { readonly: true });
const track = database.prepare('SELECT * FROM tracks WHERE isrc = ?');
const album = database.prepare(
  `SELECT spotify_id AS album_spotify_id, title AS album_title, type, release_date, release_date_precision, total_tracks, upc, label,
     url AS album_url, images FROM albums WHERE id = ?`,
);
const credits = database.prepare('SELECT artist_id FROM track_artists WHERE track_id = ? ORDER BY position');
const artist = database.prepare('SELECT spotify_id, name, url FROM artists WHERE id = ?');

const app = express();
app.get('/health/live', (_request, response) => response.json({ status: 'ok' }));
app.use((request, response, next) => {
  if (request.headers.authorization === AUTHORIZATION) next();
  else response.status(401).json({ error: 'unauthorized' });
});
app.get('/v1/tracks/:isrc', (request, response) => {
  const row = track.get(request.params.isrc);
  if (row === undefined) {
    response.status(404).json({ error: 'not found' });
    return;
  }
  const artists = credits.all(row.id).map(({ artist_id }) => artist.get(artist_id));
  response.json(toView({ ...row, ...album.get(row.album_id) }, artists));
});
app.listen(PORT, HOST);
