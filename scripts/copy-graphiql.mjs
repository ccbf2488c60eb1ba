/**
 * Puts the files of the GraphiQL page beside the built service, so that it needs no development package and no CDN: part of
 * `npm run build`.
 */
import { copyFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { findGraphiql } = createRequire(import.meta.url)('../dist/graphql/graphiql-files.js');
const target = fileURLToPath(new URL('../dist/graphql/page/', import.meta.url));
const files = findGraphiql();
if (files === null) throw new Error('graphiql, react and react-dom are not installed: npm ci');

await mkdir(target, { recursive: true });
await Promise.all([...files].map(([name, path]) => copyFile(path, target + name)));
