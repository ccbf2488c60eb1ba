import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * How to set up and start each engine in a folder of its own, without a setting of the machine's.
 * The servers' time zone differs on purpose from UTC and from that of the tests: a time that is read in the wrong
 * zone is then wrong in the test too.
 */
const SERVER_TIME_ZONE = 'Asia/Kathmandu';
const USER = 'deadwax';

const password = () => randomBytes(18).toString('base64url');

/** What every child process of an engine gets to see of the environment. */
export const serverEnvironment = (folder) => ({
  PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: folder,
  TMPDIR: folder,
  LC_ALL: 'C',
  TZ: SERVER_TIME_ZONE,
});

/**
 * MariaDB with the character set and collation that it is built with (latin1_swedish_ci in 10.11): what the app
 * needs, it has to ask for.
 */
const mariadb = {
  account: 'mysql',
  // Its data are thrown away and it holds nothing outside its folder.
  stopSignal: 'SIGKILL',

  prepare(folder, { init }) {
    const secret = password();
    const once = join(folder, 'init.sql');
    // The accounts that the set-up makes have empty passwords: none of them stays.
    const statements = [
      `DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys';`,
      'FLUSH PRIVILEGES;',
      `CREATE USER '${USER}'@'127.0.0.1' IDENTIFIED BY '${secret}';`,
      `GRANT ALL PRIVILEGES ON *.* TO '${USER}'@'127.0.0.1' WITH GRANT OPTION;`,
    ];
    writeFileSync(once, statements.join('\n') + '\n');
    return {
      secret,
      // Only the first step that succeeds is taken; the others are ways out.
      initializations: [
        [
          init,
          '--no-defaults',
          `--datadir=${join(folder, 'data')}`,
          '--auth-root-authentication-method=normal',
          '--skip-test-db',
          '--skip-name-resolve',
        ],
      ],
    };
  },

  command(folder, { server }, port) {
    const data = join(folder, 'data');
    return [
      server,
      '--no-defaults',
      `--datadir=${data}`,
      `--tmpdir=${folder}`,
      // Relative to the data folder, where the server goes: socket paths are short by law.
      '--socket=server.sock',
      `--pid-file=${join(folder, 'server.pid')}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      `--init-file=${join(folder, 'init.sql')}`,
      '--skip-name-resolve',
      '--skip-log-bin',
      '--max-connections=300',
      '--performance-schema=OFF',
      '--innodb-flush-method=nosync',
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-doublewrite=OFF',
      '--innodb-buffer-pool-size=64M',
      '--innodb-log-file-size=32M',
      '--innodb-stats-persistent=OFF',
      '--key-buffer-size=1M',
      '--aria-pagecache-buffer-size=8M',
      '--table-open-cache=400',
    ];
  },

  isReady: (log) => /ready for connections/.test(log),
  url: (secret, port) => `mysql://${USER}:${secret}@127.0.0.1:${port}/`,
};

/** PostgreSQL, sorting as people do (ICU) wherever it can: code that counts on byte order then fails in the tests. */
const postgres = {
  account: 'postgres',
  // "Immediate shutdown": no checkpoint, but shared memory and child processes are given back.
  stopSignal: 'SIGQUIT',

  prepare(folder, { init }) {
    const secret = password();
    const file = join(folder, 'password');
    writeFileSync(file, secret, { mode: 0o644 });
    const base = [
      init,
      `--pgdata=${join(folder, 'data')}`,
      `--username=${USER}`,
      `--pwfile=${file}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-sync',
    ];
    return {
      secret,
      initializations: [
        [...base, '--locale-provider=icu', '--icu-locale=en-US', '--locale=C.UTF-8'],
        [...base, '--locale=en_US.UTF-8'],
        [...base, '--locale=C.UTF-8'],
        [...base, '--locale=C'],
      ],
      afterwards() {
        rmSync(file);
        writeFileSync(join(folder, 'data', 'postgresql.conf'), postgresSettings());
      },
    };
  },

  command: (folder, { server }, port) => [server, '-D', join(folder, 'data'), '-p', String(port)],

  isReady: (log) => /ready to accept connections/.test(log),
  url: (secret, port) => `postgres://${USER}:${secret}@127.0.0.1:${port}/`,
};

const postgresSettings = () => `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
password_encryption = 'scram-sha-256'
shared_buffers = 64MB
fsync = off
deadlock_timeout = 100ms
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 256MB
timezone = '${SERVER_TIME_ZONE}'
lc_messages = 'C'
`;

/** Redis, keeping nothing; a great many databases, so that every suite can have one of its own. */
const redis = {
  account: 'redis',
  stopSignal: 'SIGKILL',

  prepare(folder) {
    const secret = password();
    writeFileSync(join(folder, 'redis.conf'), redisSettings(folder, secret), { mode: 0o644 });
    return { secret, initializations: [] };
  },

  command: (folder, { server }, port) => [server, join(folder, 'redis.conf'), '--port', String(port)],

  isReady: (log) => /Ready to accept connections/.test(log),
  url: (secret, port) => `redis://:${secret}@127.0.0.1:${port}/`,
};

const redisSettings = (folder, secret) => `
bind 127.0.0.1
dir ${folder}
requirepass ${secret}
save ""
appendonly no
daemonize no
databases 4096
`;

export const ENGINES = { mariadb, postgres, redis };

/** The end of a server's log, for the message when it does not start. */
export function tailOf(file, lines = 25) {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
