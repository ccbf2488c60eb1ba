import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

/** A Kubernetes object as YAML has it. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; [key: string]: unknown };
  [key: string]: unknown;
}

interface Kustomization {
  apiVersion: string;
  kind: string;
  namespace?: string;
  resources?: string[];
  components?: string[];
  patches?: { path: string }[];
  images?: { name: string; newName?: string; newTag?: string; digest?: string }[];
  configMapGenerator?: { name: string; behavior?: 'merge'; literals: string[] }[];
}

const KNOWN = new Set([
  ...[
    'apiVersion',
    'kind',
    'namespace',
    'resources',
    'components',
    'patches',
    'images',
    'configMapGenerator',
  ],
]);
const CLUSTER_WIDE = new Set(['Namespace']);
/** Lists that are merged entry by entry, by this key: as the patch strategies of Kubernetes have it. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  env: 'name',
  volumes: 'name',
  ports: 'containerPort',
};

/**
 * Renders a folder as `kubectl kustomize` does, as far as ours ask for it, for machines without kubectl; where kubectl is
 * there, a test holds the two equal. What a kustomization asks for and this does not know is an error, never left out.
 */
export function kustomize(folder: string): Manifest[] {
  const rendered = render(folder);
  return withHashedNames(rendered);
}

function render(folder: string, given: Manifest[] = []): Manifest[] {
  const file = join(folder, 'kustomization.yaml');
  const asked = parse(readFileSync(file, 'utf8')) as Kustomization;
  for (const key of Object.keys(asked))
    if (!KNOWN.has(key)) throw new Error(`${file}: ${key} is not rendered here`);
  let manifests = [...given];
  for (const path of asked.resources ?? []) {
    const target = join(folder, path);
    manifests.push(...(statSync(target).isDirectory() ? render(target) : read(target)));
  }
  for (const path of asked.components ?? []) manifests = render(join(folder, path), manifests);
  for (const { name, behavior, literals } of asked.configMapGenerator ?? []) {
    const data = Object.fromEntries(
      literals.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
    );
    const existing = manifests.find((each) => each.kind === 'ConfigMap' && each.metadata.name === name);
    if ((behavior === 'merge') !== (existing !== undefined))
      throw new Error(`${file}: ${name}: wrong behavior`);
    if (existing) existing['data'] = { ...(existing['data'] as object), ...data };
    else manifests.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
  }
  for (const { path } of asked.patches ?? []) {
    for (const patch of read(join(folder, path))) {
      const at = manifests.findIndex(
        (each) => each.kind === patch.kind && each.metadata.name === patch.metadata.name,
      );
      if (at < 0) throw new Error(`${path}: nothing named ${patch.kind}/${patch.metadata.name}`);
      manifests[at] = merge(manifests[at], patch) as Manifest;
    }
  }
  for (const image of asked.images ?? []) {
    const { name, newName = name, newTag, digest } = image;
    const full = digest === undefined ? `${newName}:${newTag ?? 'latest'}` : `${newName}@${digest}`;
    manifests = manifests.map((each) =>
      rewrite(each, (key, value) => (key === 'image' && value === name ? full : value)),
    );
  }
  const { namespace } = asked;
  if (namespace === undefined) return manifests;
  return manifests.map((each) =>
    CLUSTER_WIDE.has(each.kind) ? each : { ...each, metadata: { ...each.metadata, namespace } },
  );
}

const read = (file: string): Manifest[] =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => {
    if (document.errors[0] !== undefined) throw new Error(`${dirname(file)}: ${document.errors[0].message}`);
    return document.toJS() as Manifest;
  });

/** A strategic merge: objects key by key, named lists entry by entry, all else replaced. */
function merge(base: unknown, patch: unknown, key = ''): unknown {
  if (Array.isArray(base) && Array.isArray(patch) && MERGE_KEYS[key] !== undefined) {
    const by = MERGE_KEYS[key];
    const merged = base.map((entry: Record<string, unknown>) => {
      const own = (patch as Record<string, unknown>[]).find((each) => each[by] === entry[by]);
      return own === undefined ? entry : merge(entry, own);
    });
    return [
      ...(patch as Record<string, unknown>[]).filter(
        (each) => !base.some((entry: Record<string, unknown>) => entry[by] === each[by]),
      ),
      ...merged,
    ];
  }
  if (!isObject(base) || !isObject(patch)) return patch;
  const keys = new Set([...Object.keys(base), ...Object.keys(patch)]);
  return Object.fromEntries(
    [...keys].map((each) => [each, each in patch ? merge(base[each], patch[each], each) : base[each]]),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function rewrite<T>(value: T, change: (key: string, value: unknown) => unknown): T {
  if (Array.isArray(value)) return value.map((each: unknown) => rewrite(each, change)) as T;
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, rewrite(change(key, each), change)]),
  ) as T;
}

/** Generated names end in a hash of what they hold; kubectl's hash is another one, of the same length. */
function withHashedNames(manifests: Manifest[]): Manifest[] {
  const names = new Map<string, string>();
  for (const { kind, metadata, ...rest } of manifests) {
    if (kind !== 'ConfigMap') continue;
    const hash = createHash('sha256').update(JSON.stringify(rest['data'])).digest('hex').slice(0, 10);
    names.set(metadata.name, `${metadata.name}-${hash}`);
  }
  return manifests.map((each) => {
    if (each.kind === 'ConfigMap') {
      return {
        ...each,
        metadata: { ...each.metadata, name: names.get(each.metadata.name) ?? each.metadata.name },
      };
    }
    return rewrite(each, (key, value) =>
      key === 'configMapRef' && isObject(value)
        ? { ...value, name: names.get(String(value['name'])) }
        : value,
    );
  });
}
