import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { environment } from '../../src/config/environment';
import {
  named,
  type PodSpec,
  restrictedBreaches,
  schemaProblems,
  unknownKeys,
} from '../support/kubernetes-checks';
import { kustomize, type Manifest } from '../support/kustomize';

const ROOT = join(__dirname, '..', '..');
const KUBERNETES = join(ROOT, 'deploy', 'kubernetes');
const OVERLAYS = ['staging', 'production'];
/** What is not a setting of ours, and yet may stand in the environment. */
const OF_NODE = ['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'];

const podsOf = (manifests: Manifest[]) =>
  manifests
    .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
    .map((manifest) => ({
      manifest,
      spec: (manifest['spec'] as { template: { spec: PodSpec } }).template.spec,
    }));
const only = <T>(list: T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};
const ofKind = (manifests: Manifest[], kind: string) => manifests.filter((each) => each.kind === kind);

/** A constant of the code, in milliseconds, wherever it stands. */
function milliseconds(name: string): number {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true })
    .map(String)
    .filter((file) => /(?<!\.spec)\.ts$/.test(file));
  const values = files.flatMap((file) => {
    const [, value] =
      new RegExp(`\\b${name} = ([\\d_]+)`).exec(readFileSync(join(ROOT, 'src', file), 'utf8')) ?? [];
    return value === undefined ? [] : [Number(value.replaceAll('_', ''))];
  });
  return only(values);
}

describe.each(OVERLAYS)('%s', (overlay) => {
  const manifests = kustomize(join(KUBERNETES, 'overlays', overlay));
  const pods = podsOf(manifests);
  const deployment = only(ofKind(manifests, 'Deployment'));
  const [server] = pods.filter(({ manifest }) => manifest === deployment).map(({ spec }) => spec);
  const container = only(server?.containers ?? []);
  const settings = only(ofKind(manifests, 'ConfigMap'))['data'] as Record<string, string>;

  it('has what it needs to run', () => {
    expect(
      manifests
        .map(named)
        .map((name) => name.replace(/-[0-9a-f]{10}$/, '-HASH'))
        .sort(),
    ).toEqual(
      [
        ...[
          `Namespace/deadwax-${overlay}`,
          'ServiceAccount/deadwax',
          'ConfigMap/deadwax-settings-HASH',
          'Deployment/deadwax',
        ],
        ...[
          'Service/deadwax',
          'HorizontalPodAutoscaler/deadwax',
          'PodDisruptionBudget/deadwax',
          'Job/deadwax-migrate',
        ],
        ...[
          'NetworkPolicy/default-deny',
          'NetworkPolicy/deadwax-calls',
          'NetworkPolicy/deadwax-names-and-database',
        ],
        ...['NetworkPolicy/deadwax-redis-and-outside', 'ServiceMonitor/deadwax', 'PrometheusRule/deadwax'],
      ].sort(),
    );
  });

  it("passes Kubernetes' own schemas, which would refuse wrong types", () => {
    expect(schemaProblems(manifests)).toEqual([]);
    const broken = structuredClone(deployment);
    (broken['spec'] as Record<string, unknown>)['minReadySeconds'] = 'five';
    expect(schemaProblems([broken])).toHaveLength(1);
  });

  it('has no key that nobody knows', () => {
    expect(unknownKeys(manifests)).toEqual([]);
    const misspelt = structuredClone(deployment);
    (podsOf([misspelt])[0]?.spec as Record<string, unknown>)['terminationGracePeriodSecond'] = 45;
    expect(unknownKeys([misspelt]).join()).toMatch(/terminationGracePeriodSecond/);
  });

  it('O09 keeps to the restricted profile, with a name space that holds it to that', () => {
    for (const { manifest, spec } of pods)
      expect([named(manifest), restrictedBreaches(spec)]).toEqual([named(manifest), []]);
    expect(only(ofKind(manifests, 'Namespace')).metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
    });
    const loose = structuredClone(container);
    loose.securityContext = { runAsUser: 0, capabilities: { add: ['SYS_ADMIN'] } };
    expect(restrictedBreaches({ containers: [loose], terminationGracePeriodSeconds: 0 })).toEqual([
      'allowPrivilegeEscalation',
      'runAsNonRoot',
      'runAsUser',
      'seccompProfile',
      'capabilities.drop',
      'capabilities.add',
    ]);
  });

  it('asks for more than the profile: read-only files, the uid of the image, limits, no token of the cluster', () => {
    for (const { spec } of pods) {
      expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(spec['securityContext']).toMatchObject({ runAsUser: 65532, runAsGroup: 65532 });
      for (const each of spec.containers) {
        expect(each.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
        expect(each.resources.limits['memory']).toBe(each.resources.requests['memory']);
        expect(each.resources.requests['cpu']).toBeDefined();
      }
    }
    expect(readFileSync(join(ROOT, 'deploy', 'Containerfile'), 'utf8')).toMatch(/^USER 65532:65532$/m);
  });

  it('gives a pod longer to end than the server takes for its longest request', () => {
    const { data } = only(ofKind(manifests, 'ConfigMap')) as unknown as { data: Record<string, string> };
    const delayMs = Number(data['SHUTDOWN_DELAY_MS']);
    const shutdownMs = milliseconds('SHUTDOWN_TIMEOUT_MS');
    expect(shutdownMs).toBeGreaterThan(milliseconds('DRAIN_TIMEOUT_MS'));
    // Load balancers hear of it within a few seconds.
    expect(delayMs).toBeGreaterThanOrEqual(3_000);
    expect((server?.terminationGracePeriodSeconds ?? 0) * 1000).toBeGreaterThan(delayMs + shutdownMs);
    expect(container).not.toHaveProperty('lifecycle'); // the server itself waits, and is not ready meanwhile
  });

  it('has the rules of deploy/monitoring, for the operator', () => {
    const rule = only(ofKind(manifests, 'PrometheusRule')) as unknown as { spec: { groups: unknown } };
    const rules = parse(
      readFileSync(join(ROOT, 'deploy', 'monitoring', 'rules.yml'), 'utf8'),
      (_, value: unknown) => (typeof value === 'string' ? value.replaceAll(/\s+/g, ' ').trim() : value),
    ) as { groups: unknown };
    expect(rule.spec.groups).toEqual(rules.groups);
  });

  it('waits for a slow start, and kills nobody for a database that is away', () => {
    const probe = (name: string) =>
      container[`${name}Probe`] as {
        httpGet: { path: string };
        periodSeconds: number;
        failureThreshold: number;
        timeoutSeconds: number;
      };
    expect(['startup', 'readiness', 'liveness'].map((name) => probe(name).httpGet.path)).toEqual([
      '/health/startup',
      '/health/ready',
      '/health/live',
    ]);
    expect(probe('startup').periodSeconds * probe('startup').failureThreshold).toBeGreaterThanOrEqual(300);
    // Readiness answers within half a second even when the database hangs.
    expect(probe('readiness').timeoutSeconds).toBeGreaterThanOrEqual(1);
    expect(probe('liveness').periodSeconds * probe('liveness').failureThreshold).toBeGreaterThanOrEqual(30);
    expect(
      (deployment['spec'] as { progressDeadlineSeconds: number }).progressDeadlineSeconds,
    ).toBeGreaterThanOrEqual(probe('startup').periodSeconds * probe('startup').failureThreshold);
  });

  it('names only settings that there are, with values that they take, and secrets by reference', () => {
    const known = [...Object.keys(environment.shape), ...OF_NODE];
    const names = pods.flatMap(({ spec }) => spec.containers.flatMap(({ env = [] }) => env));
    for (const { name } of names) expect(known).toContain(name);
    for (const name of Object.keys(settings)) expect(known).toContain(name);
    expect(environment.safeParse(settings).error?.issues ?? []).toEqual([]);
    for (const { value, valueFrom } of names)
      expect([value, typeof valueFrom?.secretKeyRef?.key]).toEqual([undefined, 'string']);
    expect(Object.keys(settings).filter((name) => /SECRET|PASSWORD|TOKEN|_URL|_KEY|DSN/.test(name))).toEqual(
      [],
    );
    expect(ofKind(manifests, 'Secret')).toEqual([]);
    expect(settings['NODE_ENV']).toBe('production');
    expect(settings['DATABASE_MIGRATE']).toBe('false');
  });

  it('does not ask for more connections than the documentation says the database must bear', () => {
    const { maxReplicas, minReplicas } = only(ofKind(manifests, 'HorizontalPodAutoscaler'))['spec'] as Record<
      string,
      number
    >;
    const { strategy } = deployment['spec'] as {
      strategy: { rollingUpdate: { maxSurge: number; maxUnavailable: number } };
    };
    const most =
      ((maxReplicas ?? 0) + strategy.rollingUpdate.maxSurge) * Number(settings['DATABASE_POOL_SIZE']);
    // Prettier lines the columns of tables up.
    const page = readFileSync(join(ROOT, 'docs', 'deployment.md'), 'utf8').replace(/ +/g, ' ');
    expect(page).toContain(`| \`${overlay}\` | ${minReplicas} to ${maxReplicas} | ${most} |`);
    expect(strategy.rollingUpdate.maxUnavailable).toBe(0);
    expect(minReplicas).toBeGreaterThan(
      (only(ofKind(manifests, 'PodDisruptionBudget'))['spec'] as { maxUnavailable: number }).maxUnavailable,
    );
  });

  it('selects the pods that it means', () => {
    const labels = (deployment['spec'] as { template: { metadata: { labels: object } } }).template.metadata
      .labels;
    const selector = (manifest: Manifest) => {
      const { selector: own } = manifest['spec'] as { selector: { matchLabels?: object } };
      return own.matchLabels ?? own;
    };
    for (const kind of ['Deployment', 'Service', 'PodDisruptionBudget'])
      expect(labels).toMatchObject(selector(only(ofKind(manifests, kind))));
    const service = only(ofKind(manifests, 'Service'));
    expect(service.metadata.labels).toMatchObject(selector(only(ofKind(manifests, 'ServiceMonitor'))));
    for (const each of manifests.filter(({ kind }) => kind !== 'Namespace'))
      expect(each.metadata.namespace).toBe(`deadwax-${overlay}`);
  });

  it('lets nothing in or out but what is named: no way to the metadata service or to inner addresses but database and Redis', () => {
    const policies = ofKind(manifests, 'NetworkPolicy').map((each) => each['spec'] as NetworkPolicy);
    expect(policies).toContainEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    const ways = policies.flatMap(({ egress = [] }) =>
      egress.flatMap(({ to = [], ports }) =>
        to.map((peer) => ({ peer, ports: ports.map(({ port }) => port) })),
      ),
    );
    for (const { peer, ports } of ways) {
      if (peer.ipBlock?.cidr === '0.0.0.0/0') {
        expect(ports).toEqual([443]);
        expect(peer.ipBlock.except).toEqual(
          expect.arrayContaining(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16']),
        );
      } else if (peer.ipBlock) expect([[3306], [6379]]).toContainEqual(ports);
      else expect([...new Set(ports)]).toEqual([53]);
    }
    expect(ways.map(({ ports }) => ports.join()).sort()).toEqual([
      '3306',
      '3306',
      '3306',
      '443',
      '53,53',
      '6379',
      '6379',
      '6379',
    ]);
  });

  const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
  it(`is rendered as kubectl renders it${hasKubectl ? '' : ' (no kubectl here: by this test alone)'}`, () => {
    // Generated names differ in their hash alone.
    const plain = (list: Manifest[]) =>
      (
        JSON.parse(
          JSON.stringify(list).replace(/deadwax-settings-[0-9a-z]{10}/g, 'deadwax-settings-HASH'),
        ) as Manifest[]
      )
        .map((each) => ({ ...each, metadata: { ...each.metadata, creationTimestamp: undefined } }))
        .sort((left, right) => named(left).localeCompare(named(right)));
    if (hasKubectl) {
      const { stdout, stderr } = spawnSync('kubectl', ['kustomize', join(KUBERNETES, 'overlays', overlay)], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      const theirs = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
      expect(plain(manifests)).toEqual(plain(theirs));
    }
    expect(plain(manifests)).toHaveLength(manifests.length);
  });
});

interface NetworkPolicy {
  podSelector: object;
  policyTypes: string[];
  egress?: { to?: { ipBlock?: { cidr: string; except?: string[] } }[]; ports: { port: number }[] }[];
}

it('leaves no file out', () => {
  const files = readdirSync(KUBERNETES, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.yaml'));
  const asked = files
    .filter((name) => name.endsWith('kustomization.yaml'))
    .flatMap((name) => {
      const folder = join(KUBERNETES, name, '..');
      const {
        resources = [],
        components = [],
        patches = [],
      } = parseAllDocuments(readFileSync(join(KUBERNETES, name), 'utf8'))[0]?.toJS() as {
        resources?: string[];
        components?: string[];
        patches?: { path: string }[];
      };
      return [...resources, ...components, ...patches.map(({ path }) => path)].map((path) =>
        relative(KUBERNETES, join(folder, path)),
      );
    });
  const unused = files.filter((name) => !name.endsWith('kustomization.yaml') && !asked.includes(name));
  expect(unused).toEqual([]);
});
