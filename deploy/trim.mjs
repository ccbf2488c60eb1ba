/**
 * Makes production packages and their bill of materials fit for the image: removes what is never run (type declarations,
 * source maps, sources of what is built, builds for browsers), and holds the bill to what is then there.
 *
 * Usage: node deploy/trim.mjs FOLDER, where FOLDER holds node_modules, and sbom.cdx.json as `npm sbom` wrote it
 * of the tree with the packages of development (with --omit=dev npm 11 leaves out packages that both need).
 */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compareWithInstalled, installedPackages, keepInstalled } from './sbom.mjs';

/** Packages that only tools of development use, although a package of production asks for them. */
const NEVER_LOADED = [
  'typescript', // a peer of @nestjs/swagger, for its plugin of the compiler
  '@microsoft/tsdoc', // the same
  '@datadog/pprof', // an optional one of New Relic's agent, for its profiler, which is off
  'pprof-format', // the same
  '@prisma/prisma-fmt-wasm', // an optional one of New Relic's agent, for Prisma
];

/** Parts of packages that Node never loads here. */
const NEVER_RUN = [
  'typeorm/browser', // for browsers
  'better-sqlite3/deps', // SQLite's sources, which are compiled by now
  'better-sqlite3/src',
  'better-sqlite3/build/Release/obj',
  'better-sqlite3/build/Release/obj.target',
  'better-sqlite3/build/Release/.deps',
  'better-sqlite3/build/Release/sqlite3.a',
  'better-sqlite3/build/Release/test_extension.node',
  'better-sqlite3/build/deps',
  'rxjs/src',
  'rxjs/dist/bundles', // Node takes dist/cjs
  'rxjs/dist/esm',
  'rxjs/dist/esm5',
  'rxjs/dist/types',
  // Builds for browsers and bundlers of what is loaded from dist/cjs or dist/node.
  'axios/dist/browser',
  'axios/dist/esm',
  'bullmq/dist/esm',
  'csv-parse/dist/esm',
  'csv-parse/dist/iife',
  'csv-parse/dist/umd',
  'csv-stringify/dist/esm',
  'csv-stringify/dist/iife',
  'csv-stringify/dist/umd',
  'dayjs/esm',
  'luxon/build/amd',
  'luxon/build/cjs-browser',
  'luxon/build/es6',
  'luxon/build/global',
  'luxon/src',
  '@nestjs/graphql/dist/tests',
  '@sentry/core/build/esm',
  'swagger-ui-dist/swagger-ui-es-bundle.js',
  'swagger-ui-dist/swagger-ui-es-bundle-core.js',
];

/** Packages that have each module twice, and the ending of the one that nobody here loads. */
const TWINS_NEVER_RUN = {
  '@opentelemetry/semantic-conventions': '.mjs',
  '@sentry/conventions': '.mjs',
  'es-toolkit': '.js', // Nest's packages are modules of ES
  graphql: '.mjs',
  zod: '.js',
};

/** What packages of OpenTelemetry have for bundlers: Node takes build/src. */
const FOLDERS_FOR_BUNDLERS = /@opentelemetry\/[^/]+\/build\/(esm|esnext)$/;
/** Native parts built for many platforms and versions of Node: `linux-x64/NAME.abi137.glibc.node`. */
const FOLDER_OF_PREBUILDS = /\/prebuilds\/([^/]+)$/;
const ABI_OF_PREBUILD = /\.abi(\d+)\./;

const FILES_NEVER_RUN = /(\.map|\.[cm]?ts|\.md|\.markdown|\.flow|\.tsbuildinfo)$/i;
const FOLDERS_OF_DEVELOPMENT = new Set([
  'test',
  'tests',
  '__tests__',
  'spec',
  'specs',
  'benchmark',
  'benchmarks',
  'example',
  'examples',
  '.github',
  '.claude',
]);
/** Licences ask to be passed on, in whatever form they come. */
const KEPT = /^(licen[cs]e|copying|notice)/i;

const folder = resolve(process.argv[2] ?? '.');
const modules = join(folder, 'node_modules');
const bill = join(folder, 'sbom.cdx.json');

for (const path of [...NEVER_LOADED, ...NEVER_RUN])
  rmSync(join(modules, path), { recursive: true, force: true });
for (const path of ['.bin', '.package-lock.json', '.cache'])
  rmSync(join(modules, path), { recursive: true, force: true });
for (const { path } of installedPackages(modules)) {
  for (const name of readdirSync(path)) {
    if (FOLDERS_OF_DEVELOPMENT.has(name)) rmSync(join(path, name), { recursive: true, force: true });
  }
}
for (const [name, ending] of Object.entries(TWINS_NEVER_RUN)) {
  const files = new Set(readdirSync(join(modules, name), { recursive: true }));
  for (const file of files) {
    const stem = file.slice(0, -ending.length);
    const hasTwin = ['.js', '.cjs', '.mjs'].some((other) => other !== ending && files.has(stem + other));
    if (file.endsWith(ending) && hasTwin) rmSync(join(modules, name, file));
  }
}
for (const name of readdirSync(modules, { recursive: true })) {
  const path = join(modules, name);
  const [, platform = null] = FOLDER_OF_PREBUILDS.exec(path) ?? [];
  if (FOLDERS_FOR_BUNDLERS.test(path)) rmSync(path, { recursive: true, force: true });
  else if (platform !== null && platform !== `${process.platform}-${process.arch}`)
    rmSync(path, { recursive: true, force: true });
  else if ((ABI_OF_PREBUILD.exec(path)?.[1] ?? process.versions.modules) !== process.versions.modules)
    rmSync(path, { force: true });
}
for (const name of readdirSync(modules, { recursive: true })) {
  const file = join(modules, name);
  const base = name.split('/').at(-1) ?? '';
  if (!FILES_NEVER_RUN.test(base) || KEPT.test(base) || !statSync(file).isFile()) continue;
  rmSync(file);
}

const sbom = keepInstalled(
  JSON.parse(readFileSync(bill, 'utf8')),
  modules,
  readFileSync(join(folder, 'package.json'), 'utf8'),
);
writeFileSync(bill, `${JSON.stringify(sbom, null, 2)}\n`);

const differences = compareWithInstalled(sbom, modules);
if (differences.length > 0) {
  console.error(`The bill of materials is not what is installed:\n${differences.join('\n')}`);
  process.exit(1);
}
console.log(`${sbom.components.length} packages, as the bill of materials says`);
