/**
 * Lets plain Node load the TypeScript of this repository: `node -r test/support/require-typescript.cjs FILE.ts`.
 * For processes that tests start beside themselves; compiled as Jest does it.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { transformSync } = require('@swc/core');

const { $schema, exclude, ...options } = JSON.parse(
  readFileSync(join(__dirname, '..', '..', '.swcrc'), 'utf8'),
);

require.extensions['.ts'] = (module, filename) => {
  const source = readFileSync(filename, 'utf8');
  module._compile(
    transformSync(source, { ...options, swcrc: false, filename, sourceMaps: 'inline' }).code,
    filename,
  );
};
