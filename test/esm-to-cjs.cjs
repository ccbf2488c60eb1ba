/**
 * Jest transformer for node_modules: compiles to CommonJS only what Jest cannot load as CommonJS.
 * Nest 12 is published as ES modules; Jest's own require(esm) needs Node 24.9 and a flag (docs/decisions/0001).
 */
const { createHash } = require('node:crypto');
const { existsSync, readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { createSharedTransformer } = require('./shared-transformer.cjs');

const swc = createSharedTransformer({
  sourceMaps: false,
  jsc: { parser: { syntax: 'ecmascript' }, target: 'es2022', keepClassNames: true },
  module: { type: 'commonjs', ignoreDynamic: false },
});

const moduleTypes = new Map();
function moduleTypeOf(directory) {
  if (moduleTypes.has(directory)) return moduleTypes.get(directory);
  const manifest = join(directory, 'package.json');
  const parent = dirname(directory);
  const type = existsSync(manifest)
    ? (JSON.parse(readFileSync(manifest, 'utf8')).type ?? 'commonjs')
    : parent === directory
      ? 'commonjs'
      : moduleTypeOf(parent);
  moduleTypes.set(directory, type);
  return type;
}

/** CommonJS files that call import() need it too: Jest has no dynamic import callback without a flag. */
function mustCompile(source, file) {
  if (file.endsWith('.cjs')) return false;
  return file.endsWith('.mjs') || moduleTypeOf(dirname(file)) === 'module' || /\bimport\s*\(/.test(source);
}

module.exports = {
  canInstrument: false,
  process: (source, file, options) =>
    mustCompile(source, file) ? swc.process(source, file, options) : { code: source },
  getCacheKey: (source, file, options) =>
    mustCompile(source, file)
      ? swc.getCacheKey(source, file, options)
      : 'raw-' + createHash('sha1').update(`${file}\0${source}`).digest('hex'),
};
