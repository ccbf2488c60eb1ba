/** The parts of a `.cpuprofile` that are read here. */
export interface CpuProfile {
  readonly startTime: number;
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const NATIVE = 'native code and kernel, outside of JavaScript';
const COLLECTOR = 'garbage collection';

/** Packages that stand for one thing. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [
    /^(fastify|@fastify\/.+|find-my-way|avvio|secure-json-parse|fast-json-stringify|light-my-request|toad-cache)$/,
    'fastify',
  ],
  [/^(@nestjs\/(core|common|platform-fastify)|rxjs|reflect-metadata)$/, 'nest'],
  [/^(pino.*|nestjs-pino|sonic-boom|thread-stream|quick-format-unescaped|safe-stable-stringify)$/, 'pino'],
  [/^(mysql2|lru\.min|denque|named-placeholders|iconv-lite|sql-escaper|generate-function|long)$/, 'mysql2'],
  [/^(typeorm|@nestjs\/typeorm)$/, 'typeorm'],
];

const NODE_PARTS: readonly (readonly [RegExp, string])[] = [
  [/http/, 'node: http'],
  [/net|stream|tty/, 'node: sockets and streams'],
  [/timers|async_hooks|async_local|task_queues|promises|diagnostics/, 'node: timers, async context'],
  [/crypto|hash/, 'node: crypto'],
];

/** Own time in µs by part, of the samples between two moments. Idle time is left out. */
export function timeByGroup(profile: CpuProfile, fromUs: number, toUs: number): Map<string, number> {
  const groupById = groupsOf(profile);
  return sum(profile, fromUs, toUs, (id) => groupById.get(id) ?? null);
}

/**
 * Time by our file that is nearest on the stack, its callees of others included: on whose behalf it was spent. What no file of ours
 * is on the stack of, as where Node and Fastify begin and end a call, is told as one.
 */
export function timeByOwner(profile: CpuProfile, fromUs: number, toUs: number): Map<string, number> {
  const owners = inherit<string | null>(
    profile,
    'before and after our code',
    ({ functionName, url }, owner) => {
      if (functionName === '(idle)') return null;
      if (functionName === '(garbage collector)') return COLLECTOR;
      if (url.includes('/node_modules/')) return owner;
      return /\/dist\/(.+)\.js$/.exec(url)?.[1] ?? owner;
    },
  );
  return sum(profile, fromUs, toUs, (id) => owners.get(id) ?? null);
}

/** The same by function. */
export function timeByFunction(profile: CpuProfile, fromUs: number, toUs: number): Map<string, number> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  return sum(profile, fromUs, toUs, (id) => {
    const frame = nodes.get(id);
    if (frame === undefined || frame.functionName === '(idle)') return null;
    const { functionName, url, lineNumber } = frame;
    const file = url.replace(/^.*\/(node_modules|dist)\//, (_, folder) => (folder === 'dist' ? 'deadwax/' : ''));
    return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
  }); // prettier-ignore
}

function sum(
  { startTime, samples, timeDeltas }: CpuProfile,
  fromUs: number,
  toUs: number,
  nameOf: (id: number) => string | null,
): Map<string, number> {
  const times = new Map<string, number>();
  let now = startTime;
  samples.forEach((id, at) => {
    const next = timeDeltas[at + 1] ?? 0;
    now += timeDeltas[at] ?? 0;
    if (now < fromUs || now > toUs) return;
    const name = nameOf(id);
    if (name !== null) times.set(name, (times.get(name) ?? 0) + next);
  });
  return times;
}

/** A function without a file is built into the engine: its time belongs to whoever called it. */
function groupsOf(profile: CpuProfile): Map<number, string | null> {
  return inherit(profile, NATIVE, groupOf);
}

/** Names each node by its own frame and by the name of its caller. */
function inherit<N>(
  { nodes }: CpuProfile,
  ofRoot: N,
  nameOf: (frame: CpuProfile['nodes'][number]['callFrame'], inherited: N) => N,
): Map<number, N> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const names = new Map<number, N>();
  const waiting: { id: number; inherited: N }[] = nodes
    .slice(0, 1)
    .map(({ id }) => ({ id, inherited: ofRoot }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const node = byId.get(next.id);
    if (node === undefined) continue;
    const name = nameOf(node.callFrame, next.inherited);
    names.set(next.id, name);
    for (const id of node.children ?? []) waiting.push({ id, inherited: name });
  }
  return names;
}

function groupOf(
  { functionName, url }: { functionName: string; url: string },
  inherited: string | null,
): string | null {
  if (functionName === '(idle)') return null;
  if (functionName === '(garbage collector)') return COLLECTOR;
  if (functionName === '(program)') return NATIVE;
  if (url === '') return inherited;
  if (url.startsWith('node:')) {
    return NODE_PARTS.find(([pattern]) => pattern.test(url))?.[1] ?? 'node: everything else';
  }
  const name = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (name !== undefined) return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? name;
  const own = /\/dist\/(?:([^/]+)\/)?[^/]+$/.exec(url) ?? /\/dist\/([^/]+)\//.exec(url);
  return own === null ? 'everything else' : `deadwax: ${own[1] ?? 'start'}`;
}
