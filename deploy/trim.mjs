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
];

/** Parts of packages that Node never loads here. */
const NEVER_RUN = [
  'typeorm/browser', // for browsers
  'better-sqlite3/deps', // SQLite's sources, which are compiled by now
  'better-sqlite3/src',
  'better-sqlite3/build/Release/obj',
  'better-sqlite3/build/Release/obj.target',
  'better-sqlite3/build/Release/.deps',
  'better-sqlite3/build/Release/test_extension.node',
  'better-sqlite3/build/deps',
  'rxjs/src',
  'rxjs/dist/bundles', // Node takes dist/cjs
  'rxjs/dist/esm',
  'rxjs/dist/esm5',
  'rxjs/dist/types',
  'swagger-ui-dist/swagger-ui-es-bundle.js',
  'swagger-ui-dist/swagger-ui-es-bundle-core.js',
];

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
