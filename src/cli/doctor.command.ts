import type { Command } from 'commander';
import type { Finding } from '../common/finding';

const SIGNS = { ok: 'ok     ', warning: 'warning', error: 'ERROR  ' } as const;

/** `deadwax doctor`: is all there that the server needs? */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description(
      'examine settings, database, migrations, credentials, Redis, identity provider, clock and disk, and say what to do; changes nothing; exit code 1 where something is wrong',
    )
    .option('--json', 'answer in JSON, for machines')
    .action(async ({ json }: { json?: true }) => {
      const { examine } = await import('./doctor.js');
      const findings = await examine();
      const count = (status: Finding['status']): number =>
        findings.filter((finding) => finding.status === status).length;
      const [errors, warnings] = [count('error'), count('warning')];
      if (json) {
        const status = errors > 0 ? 'error' : warnings > 0 ? 'warning' : 'ok';
        console.log(JSON.stringify({ status, findings }, null, 2));
      } else {
        for (const finding of findings) console.log(linesOf(finding));
        console.log(`\n${errors} errors, ${warnings} warnings.`);
      }
      // A check that was given up may still hold a socket.
      process.stdout.write('', () => process.exit(errors > 0 ? 1 : 0));
    });
}

function linesOf({ status, check, message, advice }: Finding): string {
  const line = `${SIGNS[status]} ${check}: ${message}`.replace(/\p{C}/gu, '\ufffd');
  return advice === null ? line : `${line}\n        → ${advice}`;
}
