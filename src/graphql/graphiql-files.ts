import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where the build puts copies of the files (scripts/copy-graphiql.mjs). */
const COPIES = join(__dirname, 'page');

/** The files of GraphiQL that the page loads, by name: the packages they come from, and where they are in these. */
const FILES = {
  'react.js': ['react', 'umd/react.production.min.js'],
  'react-dom.js': ['react-dom', 'umd/react-dom.production.min.js'],
  'graphiql.js': ['graphiql', 'graphiql.min.js'],
  'graphiql.css': ['graphiql', 'graphiql.min.css'],
} as const;

/** Paths by name: copies of the build or, for whoever runs from the sources, the packages. Null where either is missing. */
export function findGraphiql(): ReadonlyMap<string, string> | null {
  const { resolve } = createRequire(__filename);
  const found = new Map<string, string>();
  for (const [name, [package_, file]] of Object.entries(FILES)) {
    const copy = join(COPIES, name);
    try {
      found.set(name, existsSync(copy) ? copy : join(dirname(resolve(`${package_}/package.json`)), file));
    } catch {
      return null;
    }
  }
  return found;
}
