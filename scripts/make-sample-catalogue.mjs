/**
 * Makes src/sample/catalogue.json from a CSV with the columns isrc, title, artist (artists joined by '; '):
 *
 *   node scripts/make-sample-catalogue.mjs isrcs.csv
 *
 * The codes, titles and artists are those of the CSV. Everything else is made up, by hashes of what it belongs to:
 * no clock and no random number, so the same CSV gives the same bytes, and a new row leaves most others alone.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const ABOUT = [
  'Sample catalogue of Deadwax, served while no Spotify credentials are set.',
  'ISRC, title and artists of each code are real: taken from the track objects in recorded Spotify responses that are kept as test fixtures in Peter-Schorn/SpotifyAPI, spotDL/spotify-downloader, zmb3/spotify, JMPerez/spotify-web-api-js, JohnnyCrazy/SpotifyAPI-NET, spotify-web-api-java, jwilsson/spotify-web-api-php, kaaes/spotify-web-api-android, rinukkusu/spotify-dart, beetbox/beets, FoxxMD/multi-scrobbler and kellnerd/harmony (MIT, Apache-2.0, BSD-3-Clause).',
  'Everything else is made up: ids, albums, dates, labels, bar codes (of the range for local use), lengths, popularity, markets. It is there to be looked at, not to be believed.',
  'Made by scripts/make-sample-catalogue.mjs; change it there. URLs, images and the precision of dates are derived by sample-source.ts.',
];

const WORLD =
  'AD AE AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BZ CA CD CG CH CI CL CM CO CR CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ IS IT JM JO JP KE KG KH KI KM KN KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PS PT PW PY QA RO RS RW SA SB SC SE SG SI SK SL SM SN SR ST SV SZ TD TG TH TJ TL TN TO TR TT TV TW TZ UA UG US UY UZ VC VE VN VU WS ZA ZM ZW'.split(
    ' ',
  );
const MARKET_SETS = {
  world: WORLD,
  worldButUs: WORLD.filter((market) => market !== 'US'),
  europe:
    'AD AL AT BA BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE SI SK SM UA'.split(
      ' ',
    ),
  americas:
    'AG AR BB BO BR BS BZ CA CL CO CR CW DM DO EC GD GT GY HN HT JM KN LC MX NI PA PE PY SR SV TT US UY VC VE'.split(
      ' ',
    ),
  nordic: ['DK', 'FI', 'IS', 'NO', 'SE'],
  northAmerica: ['CA', 'US'],
  japan: ['JP'],
  norway: ['NO'],
  nowhere: [],
};
const MARKET_WEIGHTS = [
  ['world', 62],
  ['worldButUs', 8],
  ['europe', 7],
  ['americas', 6],
  [null, 6], // not told
  ['northAmerica', 4],
  ['nordic', 3],
  ['norway', 2],
  ['japan', 1],
  ['nowhere', 1],
];
const LABELS = [
  'Deadwax Samples',
  'Example Recordings',
  'Placeholder Music',
  'Run-Out Groove (Sample)',
  'Lorem Sounds',
  'サンプル・レコード',
];
/** After the last year of the CSV and before this file was first made: nothing is released in the future. */
const LAST_YEAR = 2025;
/** Where there are several. */
const TRACKS_ON_A_DISC = 12;
/** Codes that get further tracks; eight kinds take turns. */
const CODES_WITH_SEVERAL = 128;

const csvFile = process.argv[2];
if (csvFile === undefined) {
  console.error('usage: node scripts/make-sample-catalogue.mjs FILE.csv');
  process.exit(2);
}

const artists = {};
const albums = {};
const tracks = [];
const samplers = new Map();

const rows = readRows(readFileSync(csvFile, 'utf8'));
for (const release of groupIntoReleases(rows)) addRelease(release);
addFurtherTracks();
writeCatalogue();

// ---- chance without chance ----

function hash(...key) {
  return createHash('sha256').update(JSON.stringify(key)).digest();
}

/** A whole number from `min` to `max`, always the same for the same key. */
function dice(min, max, ...key) {
  return min + (hash(...key).readUInt32BE() % (max - min + 1));
}

function pick(weights, ...key) {
  let left = dice(
    1,
    weights.reduce((sum, [, weight]) => sum + weight, 0),
    ...key,
  );
  return weights.find(([, weight]) => (left -= weight) <= 0)[0];
}

/** 22 characters like Spotify's ids, told apart by how they begin. */
function sampleId(...key) {
  const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  return 'sample' + Array.from(hash(...key).subarray(0, 16), (byte) => base62[byte % 62]).join('');
}

// ---- the CSV ----

function readRows(text) {
  const [header, ...cells] = parseCsv(text);
  const column = (name) => header.indexOf(name);
  const read = cells.map((row) => ({
    isrc: row[column('isrc')],
    title: row[column('title')],
    artists: [...new Set(row[column('artist')].split('; '))],
  }));
  return read
    .filter(({ isrc, title }) => /^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$/.test(isrc) && title !== '')
    .sort((a, b) => (a.isrc < b.isrc ? -1 : 1));
}

/** RFC 4180, empty lines left out. */
function parseCsv(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ',') rows.push([]);
  }
  return rows.filter((row) => row.length > 1);
}

// ---- first releases ----

/** Codes of one artist, registrant and year that follow each other closely stand on one release. */
function groupIntoReleases(sorted) {
  const open = new Map();
  const releases = [];
  for (const row of sorted) {
    const key = `${row.isrc.slice(0, 7)} ${row.artists[0]}`;
    const number = Number(row.isrc.slice(7));
    const last = open.get(key);
    if (last !== undefined && number - last.number <= 30 && last.rows.length < 18) {
      last.rows.push(row);
      last.number = number;
    } else {
      const release = { rows: [row], number };
      open.set(key, release);
      releases.push(release);
    }
  }
  return releases;
}

function addRelease({ rows: found }) {
  const [first] = found;
  const isAlbum = found.length > 3 || dice(1, 100, 'album?', first.isrc) <= 60;
  const type = isAlbum ? 'album' : 'single';
  const totalTracks = isAlbum
    ? Math.max(found.length + dice(0, 4, 'more', first.isrc), dice(8, 14, 'total', first.isrc))
    : found.length;
  const named = found[dice(0, found.length - 1, 'title track', first.isrc)];
  const album = addAlbum(first.isrc, {
    title: plainTitle(named.title),
    type,
    releaseDate: releaseDate(yearOf(first.isrc), first.isrc),
    totalTracks,
  });
  const skipped = found.length === 1 ? dice(0, totalTracks - 1, 'place', first.isrc) : 0;
  found.forEach((row, index) => addTrack(row, album, index + 1 + skipped, {}));
}

function plainTitle(title) {
  return title.replace(/ [-([].*$/u, '') || title;
}

/** The year of reference; no recording of the CSV is from the years that two digits leave open. */
function yearOf(isrc) {
  const year = Number(isrc.slice(5, 7));
  return year <= LAST_YEAR % 100 ? 2000 + year : 1900 + year;
}

function releaseDate(year, key) {
  const precision = pick(
    year < 1990
      ? [
          ['day', 45],
          ['month', 10],
          ['year', 43],
          [null, 2],
        ]
      : [
          ['day', 88],
          ['month', 6],
          ['year', 5],
          [null, 1],
        ],
    'precision',
    key,
  );
  if (precision === null) return null;
  const day = [year, dice(1, 12, 'month', key), dice(1, 28, 'day', key)].map((part) =>
    String(part).padStart(2, '0'),
  );
  return day.slice(0, { year: 1, month: 2, day: 3 }[precision]).join('-');
}

function addAlbum(key, { title, type, releaseDate: date, totalTracks }) {
  const id = sampleId('album', key, title, type);
  albums[id] = {
    title,
    type,
    releaseDate: date,
    totalTracks,
    upc: upc(id),
    label: dice(1, 100, 'label?', id) <= 20 ? null : LABELS[dice(0, LABELS.length - 1, 'label', id)],
    hasCover: dice(1, 100, 'cover', id) > 5,
  };
  return id;
}

/** UPC-A of number system 4, which is for local use and on no real record; some as GTIN-14, for the leading zeros. */
function upc(albumId) {
  const chance = dice(1, 100, 'upc', albumId);
  if (chance <= 25) return null;
  const digits = '4' + String(hash('upc digits', albumId).readUIntBE(0, 6) % 1e10).padStart(10, '0');
  const sum = Array.from(digits, (digit, index) => Number(digit) * (index % 2 === 0 ? 3 : 1)).reduce(
    (a, b) => a + b,
  );
  return `${chance > 90 ? '00' : ''}${digits}${(10 - (sum % 10)) % 10}`;
}

function addTrack(row, album, place, over) {
  for (const name of row.artists) artists[sampleId('artist', name)] = name;
  const { type, totalTracks } = albums[album];
  const perDisc = type === 'compilation' || totalTracks > 15 ? TRACKS_ON_A_DISC : totalTracks;
  const track = {
    id: sampleId('track', row.isrc, album),
    isrc: row.isrc,
    title: row.title,
    artists: row.artists.map((name) => sampleId('artist', name)),
    album,
    durationMs: durationMs(row),
    explicit: dice(1, 100, 'explicit', row.isrc) <= 12,
    popularity: dice(1, 100, 'popularity?', row.isrc) <= 4 ? null : popularity(row.isrc),
    discNumber: Math.ceil(place / perDisc),
    trackNumber: ((place - 1) % perDisc) + 1,
    markets: pick(MARKET_WEIGHTS, 'markets', row.isrc),
    ...over,
  };
  tracks.push(track);
  return track;
}

/** Most recordings are known to few. */
function popularity(isrc) {
  return Math.min(dice(0, 100, 'popularity', isrc), dice(15, 100, 'popularity once more', isrc));
}

function durationMs({ isrc, title }) {
  const [min, max] = /intro|interlude|skit/i.test(title)
    ? [21, 95]
    : /concerto|symphony|act \d|: [IV]+\./i.test(title)
      ? [240, 1500]
      : [128, 365];
  return dice(min * 1000, max * 1000, 'duration', isrc);
}

// ---- several tracks under one code ----

function addFurtherTracks() {
  const order = (track) => hash('several', track.isrc).toString('hex');
  const chosen = [...tracks].sort((a, b) => (order(a) < order(b) ? -1 : 1)).slice(0, CODES_WITH_SEVERAL);
  chosen.forEach((track, index) => {
    const base = track.popularity ?? 40;
    const compilation = (over) => addCopy(track, sampler(track.isrc), over);
    switch (index % 8) {
      case 0: // the first release is the most popular
        track.popularity = Math.max(base, 12);
        compilation({ popularity: track.popularity - 9 });
        break;
      case 1: // equal popularity: the compilation stands in more markets
        track.popularity = base;
        track.markets = 'europe';
        compilation({ popularity: base, markets: 'world' });
        break;
      case 2: // equal popularity and markets: the kind of album decides
        track.popularity = base;
        compilation({ popularity: base });
        addCopy(track, asOther(track), { popularity: base });
        break;
      case 3: // equal but for the date
        track.popularity = base;
        addCopy(track, reissue(track, ' (Reissue)'), { popularity: base });
        break;
      case 4: // the same album twice, as market variants have it: only the id is left
        track.popularity = base;
        addCopy(track, twin(track), { popularity: base });
        break;
      case 5: // no popularity told, as in development mode
        track.popularity = null;
        compilation({ popularity: null });
        addCopy(track, reissue(track, ' (Remastered)'), { popularity: null });
        break;
      case 6: // five, and the compilation is the most popular
        track.popularity = Math.min(base, 60);
        addCopy(track, asOther(track), { popularity: track.popularity, markets: 'nordic' });
        addCopy(track, reissue(track, ' (Deluxe)'), { popularity: null, markets: null });
        addCopy(track, twin(track), { popularity: 0, markets: 'nowhere' });
        compilation({ popularity: track.popularity + 23 });
        break;
      case 7: // only one of two is told
        track.popularity = null;
        addCopy(track, asOther(track), { popularity: base });
        break;
    }
  });
}

function addCopy(track, album, over) {
  const row = { isrc: track.isrc, title: track.title, artists: track.artists.map((id) => artists[id]) };
  const { totalTracks, type } = albums[album];
  const isFirstRelease = totalTracks === albums[track.album].totalTracks && type === albums[track.album].type;
  const place = type === 'compilation' ? totalTracks : 1;
  addTrack(row, album, place, {
    markets: track.markets,
    ...(isFirstRelease && { discNumber: track.discNumber, trackNumber: track.trackNumber }),
    ...over,
  });
}

/** An album's track as a single of its own; a single's track on an album. */
function asOther(track) {
  const isSingle = albums[track.album].type === 'single';
  return addAlbum(`other ${track.isrc}`, {
    title: plainTitle(track.title),
    type: isSingle ? 'album' : 'single',
    releaseDate: releaseDate(yearOf(track.isrc), `other ${track.isrc}`),
    totalTracks: isSingle ? dice(8, 14, 'other', track.isrc) : 1,
  });
}

function reissue(track, suffix) {
  const year = Math.min(LAST_YEAR, yearOf(track.isrc) + dice(1, 12, 'reissue', track.isrc));
  const first = albums[track.album];
  return addAlbum(`reissue ${track.isrc}`, {
    ...first,
    title: first.title + suffix,
    releaseDate: `${year}-${String(dice(1, 12, 'reissue month', track.isrc)).padStart(2, '0')}-15`,
  });
}

function twin(track) {
  return addAlbum(`twin ${track.isrc}`, albums[track.album]);
}

/** A compilation not older than the recording, shared by many artists; each track is put at its end. */
function sampler(isrc) {
  const years = [2001, 2005, 2010, 2015, 2019, 2022, LAST_YEAR].filter((year) => year >= yearOf(isrc));
  const year = years[dice(0, years.length - 1, 'sampler', isrc)];
  const title = `Deadwax Sampler ${year}`;
  if (!samplers.has(title)) {
    samplers.set(
      title,
      addAlbum(title, { title, type: 'compilation', releaseDate: `${year}-06-01`, totalTracks: 0 }),
    );
  }
  const album = samplers.get(title);
  albums[album].totalTracks += 1;
  return album;
}

// ---- the file: one entry a line, for small diffs ----

function writeCatalogue() {
  const byKey = (entries) => Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));
  const map = (entries) =>
    `{\n${entries.map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(',\n')}\n  }`;
  const list = (entries) => `[\n${entries.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n  ]`;
  tracks.sort((a, b) => (a.isrc + a.id < b.isrc + b.id ? -1 : 1));
  const parts = [
    `"about": ${list(ABOUT)}`,
    `"marketSets": ${map(Object.entries(MARKET_SETS))}`,
    `"artists": ${map(byKey(artists))}`,
    `"albums": ${map(byKey(albums))}`,
    `"tracks": ${list(tracks)}`,
  ];
  writeFileSync(new URL('../src/sample/catalogue.json', import.meta.url), `{\n  ${parts.join(',\n  ')}\n}\n`);
  console.log(`${rows.length} codes, ${tracks.length} tracks, ${Object.keys(albums).length} albums`);
}
