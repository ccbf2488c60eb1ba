/**
 * Preloaded into the services that tests start (`built-service.ts`): where `modules.bin` stands beside the compiled service, its modules
 * come out of that file, resolved and compiled, in place of three thousand files: of the CPU that a start takes, more than half.
 * ES modules are loaded as what SWC makes of them, as in Jest. `RECORD_MODULES` writes the file, as of a service that became ready.
 */
const { existsSync, readFileSync, realpathSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { dirname } = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');

const store = realpathSync(process.argv[1]).replace(/dist\/(cli\/)?main\.js$/, 'modules.bin');
const isRecording = process.env.RECORD_MODULES === 'true';
if (isRecording || existsSync(store)) takeOver();

function takeOver() {
  /** `modules`: source and what V8 made of it, by file; `files`: by the folder of who asks and what is asked for. */
  const { modules, files } = isRecording
    ? { modules: new Map(), files: new Map() }
    : v8.deserialize(readFileSync(store));
  const scripts = new Map();

  const resolve = Module._resolveFilename;
  Module._resolveFilename = (request, parent, isMain, options) => {
    if (options !== undefined || Module.isBuiltin(request)) return resolve(request, parent, isMain, options);
    const key = `${parent?.filename ? dirname(parent.filename) : ''}\0${request}`;
    if (!files.has(key)) files.set(key, resolve(request, parent, isMain));
    return files.get(key);
  };

  const load = (module, file) => {
    const { code, data } = modules.get(file) ?? { code: compiled(file) };
    const script = new vm.Script(Module.wrap(code), { filename: file, cachedData: data });
    if (isRecording) scripts.set(file, { code, script });
    const require = Object.assign((request) => module.require(request), {
      resolve: (request, options) => Module._resolveFilename(request, module, false, options),
      main: process.mainModule,
      extensions: Module._extensions,
      cache: Module._cache,
    });
    script.runInThisContext().call(module.exports, module.exports, require, module, file, dirname(file));
  };
  for (const ending of ['.js', '.mjs', '.cjs']) Module._extensions[ending] = load;

  if (isRecording) record(() => ({ modules: new Map([...scripts].map(stored)), files }));
}

/** With the functions that were compiled on the way: a start compiles hardly anything any more. */
const stored = ([file, { code, script }]) => [file, { code, data: script.createCachedData() }];

function record(recorded) {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text, ...rest) => {
    if (String(text).includes('Deadwax is ready')) process.kill(process.pid, 'SIGTERM');
    return write(text, ...rest);
  };
  process.once('exit', () => writeFileSync(store, v8.serialize(recorded())));
}

function compiled(file) {
  const source = readFileSync(file, 'utf8').replace(/^#!.*/, '');
  const isScript = file.endsWith('.cjs') || (!file.endsWith('.mjs') && typeOf(dirname(file)) !== 'module');
  // `import()` would need Node's own loader.
  if (isScript && !/\bimport\s*\(/.test(source)) return source;
  return require('@swc/core').transformSync(source, {
    swcrc: false,
    filename: file,
    jsc: { parser: { syntax: 'ecmascript' }, target: 'es2022', keepClassNames: true },
    module: { type: 'commonjs', ignoreDynamic: false },
  }).code;
}

function typeOf(folder) {
  const manifest = `${folder}/package.json`;
  if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).type;
  return folder === dirname(folder) ? undefined : typeOf(dirname(folder));
}
