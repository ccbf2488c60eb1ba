/** Jest 30 on a CommonJS build of a Nest 12 app: see docs/decisions/0001 for why node_modules is transformed. */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

/** The compiler's settings without its `exclude`, which keeps specs out of the build and cannot be undone from here. */
const { $schema, exclude, sourceMaps, ...swc } = JSON.parse(readFileSync(join(__dirname, '.swcrc'), 'utf8'));

const base = {
  // One for all projects: they compile alike, and so share what is compiled, which on a new machine takes each of them seven seconds.
  id: 'deadwax',
  testEnvironment: '<rootDir>/test/support/test-environment.cjs',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: {
    '^.+\\.ts$': ['<rootDir>/test/shared-transformer.cjs', swc],
    '^.+\\.m?js$': '<rootDir>/test/esm-to-cjs.cjs',
  },
  transformIgnorePatterns: [],
  roots: ['<rootDir>/src', '<rootDir>/test'],
  setupFiles: ['<rootDir>/test/support/network-guard.ts'],
};

/** Every suite whose outcome could hang on the engine runs on every engine. */
const onEngine = (engine) => ({
  ...base,
  displayName: engine,
  testMatch: [
    '<rootDir>/test/medium/**/*.spec.ts',
    '<rootDir>/test/e2e/**/*.e2e-spec.ts',
    '<rootDir>/test/contract/**/*.spec.ts',
  ],
  globals: { DATABASE_ENGINE: engine },
});

module.exports = {
  // Of the whole run: Jest does not read it from a project. Generous, for machines that do other things too.
  testTimeout: 60_000,
  testSequencer: '<rootDir>/test/support/longest-first.cjs',
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/src/**/*.spec.ts'] },
    // What does not depend on the engine.
    {
      ...base,
      displayName: 'once',
      testMatch: ['<rootDir>/test/once/**/*.spec.ts', '<rootDir>/test/once/**/*.e2e-spec.ts'],
      // Where one is needed all the same.
      globals: { DATABASE_ENGINE: process.env.DEADWAX_ONCE_ON ?? 'sqlite' },
    },
    // What measures time, and so needs a machine that does nothing else: run after the others, one file at a time.
    {
      ...base,
      displayName: 'alone',
      testMatch: ['<rootDir>/test/alone/**/*.spec.ts'],
      globals: { DATABASE_ENGINE: 'sqlite' },
    },
    ...['sqlite', 'mariadb', 'postgres'].map(onEngine),
  ],
};
