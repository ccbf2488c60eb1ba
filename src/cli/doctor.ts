import '../config/config.module'; // reads .env
import { examineIdentityProvider } from '../auth/identity-provider-checkup';
import { diskSpaceOf } from '../common/disk-space';
import { type Finding, Findings, reasonOf } from '../common/finding';
import { type Settings, SettingsError, settingsWithSource } from '../config/settings';
import { examineDatabase } from '../database/database-checkup';
import { redactorOf } from '../observability/secret-redaction';
import { examineRedis } from '../redis/redis-checkup';
import { examineCredentials } from '../spotify/credentials-checkup';

/** No check takes longer: a server that accepts and never answers is a finding too. */
const PATIENCE_MS = 15_000;

/**
 * Examines all that the server would stand on, and changes nothing. Each check goes on whatever the others find; wrong settings
 * alone end it, since the rest needs them.
 */
export async function examine(): Promise<Finding[]> {
  let settings: Settings;
  try {
    settings = settingsWithSource();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const findings = new Findings('settings');
    for (const fault of error.faults)
      findings.fail(fault, 'correct it; the README and .env.example list every setting with its rule.');
    return findings.all;
  }
  const { redis, spotify, auth } = settings;
  const parts = await Promise.all([
    inTime('database', examineDatabase(settings)),
    ...(redis === null ? [] : [inTime('redis', examineRedis(redis))]),
    ...(spotify === null ? [] : [inTime('credentials', examineCredentials(spotify))]),
    ...(auth.jwt === null ? [] : [inTime('identity provider', examineIdentityProvider(auth.jwt))]),
    examineDisk(settings),
  ]);
  // A net: nothing here writes a secret, and what a library says might.
  const redact = redactorOf([
    ...[spotify?.clientSecret, auth.bootstrapToken, redis?.password],
    ...[settings.database, ...settings.replicas].map((each) => ('password' in each ? each.password : null)),
  ]);
  return [...examineSettings(settings), ...parts.flat()].map((finding) => ({
    ...finding,
    message: redact(finding.message),
  }));
}

function examineSettings(settings: Settings): Finding[] {
  const findings = new Findings('settings');
  findings.ok(`all settings are well-formed (${settings.isProduction ? 'production' : 'development'})`);
  const { database, workers, spotify, isProduction, host, redis } = settings;
  if (spotify === null)
    findings.warn(
      'no Spotify credentials: the sample catalogue of 913 codes serves',
      'set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET.',
    );
  if (isProduction && /^(127\.|localhost$|::1$)/.test(host))
    findings.warn(
      `HOST is ${host}: only this machine can call`,
      'set HOST=0.0.0.0, unless a proxy here is in front.',
    );
  if (database.engine === 'sqlite' && redis !== null)
    findings.warn(
      'Redis is set beside SQLite: several machines cannot share a file',
      'use a database server where there is more than one machine; on one, Redis is of no use.',
    );
  if (database.engine === 'sqlite' && workers > 4)
    findings.warn(
      `${workers} workers share one SQLite file, which takes one writer at a time`,
      'use a database server for many writers.',
    );
  return findings.all;
}

async function examineDisk({ database }: Settings): Promise<Finding[]> {
  if (database.engine !== 'sqlite' || database.path === ':memory:') return [];
  const findings = new Findings('disk');
  const { freeBytes, totalBytes, state } = await diskSpaceOf(database.path);
  const gibibytes = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1);
  const message = `${gibibytes(freeBytes)} of ${gibibytes(totalBytes)} GiB are free on the disk of the database`;
  const advice = 'make room: a full disk fails every write.';
  if (state === 'full') findings.fail(message, advice);
  else if (state === 'low') findings.warn(message, advice);
  else findings.ok(message);
  return findings.all;
}

async function inTime(check: string, examined: Promise<Finding[]>): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    timer = setTimeout(() => {
      const message = `no answer within ${PATIENCE_MS / 1000} s`;
      resolve(
        new Findings(check).fail(message, 'it accepts calls and hangs: look at its own log and load.').all,
      );
    }, PATIENCE_MS);
  });
  const failed = (error: unknown): Finding[] =>
    new Findings(check).fail(`could not be examined: ${reasonOf(error)}`, 'see its own log.').all;
  return Promise.race([examined.catch(failed), late]).finally(() => {
    clearTimeout(timer);
  });
}
