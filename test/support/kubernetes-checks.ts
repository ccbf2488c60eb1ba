import { createRequire } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import type { Manifest } from './kustomize';

/** As a pod template has it. */
export interface Container {
  name: string;
  image: string;
  args: string[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
  envFrom?: { configMapRef?: { name: string } }[];
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  securityContext: Record<string, unknown>;
  [probe: string]: unknown;
}
/** As a pod template has it. */
export interface PodSpec {
  containers: Container[];
  terminationGracePeriodSeconds: number;
  [key: string]: unknown;
}

/** The module of a kind: `apps/v1/Deployment`. */
const modulesOf = ({ apiVersion, kind }: Manifest) => {
  const isOurs = apiVersion.startsWith('monitoring.coreos.com/');
  return `${isOurs ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'}/${apiVersion}/${kind}`;
};
/** How a message names an object. */
export const named = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`;

/** Problems that Kubernetes' own schemas find. */
export function schemaProblems(manifests: Manifest[]): string[] {
  const load = createRequire(__filename);
  return manifests.flatMap((manifest) => {
    const models = load(modulesOf(manifest)) as Record<string, new (data: object) => { validate(): void }>;
    const Model = models[manifest.kind];
    if (Model === undefined) return [`${named(manifest)}: no schema`];
    try {
      new Model(manifest).validate();
      return [];
    } catch (error) {
      return [`${named(manifest)}: ${(error as Error).message}`];
    }
  });
}

/** Keys that no schema knows, which the schemas let pass: the compiler refuses them in a literal of the kind's type. */
export function unknownKeys(manifests: Manifest[]): string[] {
  const imports = new Map(manifests.map((each) => [`I${each.kind}`, modulesOf(each)]));
  const source = [
    ...[...imports].map(([name, from]) => `import type { ${name} } from '${from}';`),
    ...manifests.map((each, at) => `const manifest${at}: I${each.kind} = ${JSON.stringify(each)};`),
  ].join('\n');
  const file = join(__dirname, 'manifests.generated.ts');
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
  };
  const host = ts.createCompilerHost(options);
  const others = ts.createCompilerHost(options);
  host.fileExists = (name) => name === file || others.fileExists(name);
  host.readFile = (name) => (name === file ? source : others.readFile(name));
  host.getSourceFile = (name, version, ...rest) =>
    name === file ? ts.createSourceFile(name, source, version) : others.getSourceFile(name, version, ...rest);
  return ts
    .getPreEmitDiagnostics(ts.createProgram([file], options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** Breaches of the profile `restricted` of Pod Security Standards (kubernetes.io/docs/concepts/security/pod-security-standards). */
export function restrictedBreaches(spec: PodSpec): string[] {
  const pod = (spec['securityContext'] ?? {}) as Record<string, unknown>;
  const found: string[] = [];
  const demand = (holds: boolean, what: string) => {
    if (!holds) found.push(what);
  };
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) demand(!spec[key], key);
  const isProfile = (value: unknown) =>
    ['RuntimeDefault', 'Localhost'].includes((value as { type?: string } | undefined)?.type ?? '');
  const volumes = (spec['volumes'] ?? []) as Record<string, unknown>[];
  const allowed = [
    'name',
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'ephemeral',
    'persistentVolumeClaim',
    'projected',
    'secret',
  ];
  for (const volume of volumes)
    demand(
      Object.keys(volume).every((key) => allowed.includes(key)),
      'volume',
    );
  for (const container of [...spec.containers, ...((spec['initContainers'] ?? []) as Container[])]) {
    const own = container.securityContext;
    const capabilities = (own['capabilities'] ?? {}) as { drop?: string[]; add?: string[] };
    demand(own['privileged'] !== true, 'privileged');
    demand(own['allowPrivilegeEscalation'] === false, 'allowPrivilegeEscalation');
    demand((own['runAsNonRoot'] ?? pod['runAsNonRoot']) === true, 'runAsNonRoot');
    demand((own['runAsUser'] ?? pod['runAsUser']) !== 0, 'runAsUser');
    demand(isProfile(own['seccompProfile'] ?? pod['seccompProfile']), 'seccompProfile');
    demand(capabilities.drop?.includes('ALL') === true, 'capabilities.drop');
    demand(
      (capabilities.add ?? []).every((each) => each === 'NET_BIND_SERVICE'),
      'capabilities.add',
    );
    demand(
      ((container['ports'] ?? []) as { hostPort?: number }[]).every(({ hostPort }) => !hostPort),
      'hostPort',
    );
  }
  return found;
}
