import 'reflect-metadata';
import { CommanderError } from 'commander';
import { createProgram } from './program';

/* Words that are refused before anything is begun. That a process says so and ends with that code is in test/once/process.spec.ts. */

async function refusal(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const out = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.out += String(text);
    return true;
  });
  const err = jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.err += String(text);
    return true;
  });
  try {
    await createProgram().parseAsync(['node', 'deadwax', ...args]);
  } catch (error) {
    if (error instanceof CommanderError) return { code: error.exitCode, ...written };
    throw error;
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  throw new Error('it was taken');
}

const CREATE = ['token', 'create', '--name', 'x'];
const READER = [...CREATE, '--role', 'reader'];

it.each([
  ['no command', []],
  ['an unknown command', ['dance']],
  ['a token without a name', ['token', 'create', '--role', 'reader']],
  ['a token without scopes', CREATE],
  ['an unknown role', [...CREATE, '--role', 'king']],
  ['a role and scopes', [...READER, '--scopes', 'ops:read']],
  ['an unknown scope', [...CREATE, '--scopes', 'ops:write']],
  ['an expiry in the past', [...READER, '--expires', '2020-01-01']],
  ['a day that is not', [...READER, '--expires', '2096-02-30']],
  ['a year of five digits', [...READER, '--expires', '9999-12-31T23:00:00-12:00']],
  ['control characters in a name', ['token', 'create', '--name', 'a\u001b[2J\u009bb', '--role', 'reader']],
  ['a revocation of nothing', ['token', 'revoke']],
  ['an overlap that is too long', ['token', 'rotate', 'x', '--overlap', '8d']],
  ['a negative overlap', ['token', 'rotate', 'x', '--overlap', '-1']],
  ['an overlap in weeks', ['token', 'rotate', 'x', '--overlap', '1w']],
  ['an unknown option', ['token', 'list', '--loud']],
])('refuses %s with code 1, on standard error alone', async (_, args) => {
  const { code, out, err } = await refusal(...args);
  expect([code, out]).toEqual([1, '']);
  expect(err).not.toBe('');
  expect(err).not.toMatch(/^\s+at /m);
});

it('explains a command', async () => {
  const { code, out } = await refusal('token', 'create', '--help');
  expect(code).toBe(0);
  expect(out).toMatch(/--name[\s\S]*--role[\s\S]*--scopes[\s\S]*--expires[\s\S]*--json/);
});
