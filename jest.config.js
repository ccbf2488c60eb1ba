/** Jest 30 on a CommonJS build of a Nest 12 app: see docs/decisions/0001 for why node_modules is transformed. */
const base = {
  testEnvironment: 'node',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { exclude: [] }],
    '^.+\\.m?js$': '<rootDir>/test/esm-to-cjs.cjs',
  },
  transformIgnorePatterns: [],
};

module.exports = {
  projects: [{ ...base, displayName: 'unit', roots: ['<rootDir>/src'], testRegex: '\\.spec\\.ts$' }],
};
