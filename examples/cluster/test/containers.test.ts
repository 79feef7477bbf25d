/** The files for containers, as far as they can be checked without an engine: what they name is there, and fits together. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { clusterNode } from '../dist/node.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const here = join(root, 'examples/cluster');
// What the core reads configurations with.
const yaml = createRequire(join(root, 'core/package.json'))('yaml') as {
  parse(text: string, options: { readonly merge: boolean }): unknown;
  parseAllDocuments(text: string): readonly { readonly errors: readonly unknown[]; toJS(): unknown }[];
};
const textOf = (path: string): string => readFileSync(join(here, path), 'utf8');

interface Instruction {
  readonly name: string;
  readonly rest: string;
}
/** Instructions of the Dockerfile, with continued lines joined. */
const instructions: readonly Instruction[] = textOf('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1) }));
const all = (name: string): readonly string[] =>
  instructions.filter((one) => one.name === name).map((one) => one.rest);
const imageEnvironment: Readonly<Record<string, string>> = Object.fromEntries(
  all('ENV').flatMap((rest) => rest.split(' ').map((pair) => pair.split('=') as [string, string])),
);
/** What of the configuration's variables the code knows. */
const known = new Set(readFileSync(join(here, 'src/node.ts'), 'utf8').match(/POSTROAD_[A-Z0-9_]+/g));

const hasBalancer = existsSync('/usr/sbin/haproxy');
if (!hasBalancer) console.warn('SKIPPED: HAProxy is not installed (Debian: haproxy)');

describe('the Dockerfile', () => {
  it('has only instructions that there are, and names files that are there', () => {
    for (const { name } of instructions)
      expect('FROM WORKDIR COPY RUN ENV USER EXPOSE STOPSIGNAL ENTRYPOINT CMD'.split(' ')).toContain(name);
    const stages = all('FROM').flatMap((rest) => / AS (\S+)$/.exec(rest)?.[1] ?? []);
    for (const rest of all('COPY')) {
      const from = /^--from=(\S+) (\S+) /.exec(rest);
      if (from === null) expect(existsSync(join(root, rest.split(' ')[0] ?? ''))).toBe(true);
      else {
        expect(stages).toContain(from[1]);
        expect(from[2]).toBe(all('WORKDIR')[0]);
      }
    }
    const words = [...all('ENTRYPOINT'), ...all('CMD')].flatMap((rest) => JSON.parse(rest) as string[]);
    const files = words.filter((word) => /\.[jt]s$/.test(word));
    expect(files).toHaveLength(2);
    for (const file of files) expect(existsSync(join(root, file))).toBe(true);
    for (const run of all('RUN'))
      for (const [file] of run.matchAll(/\bscripts\/\S+/g)) expect(existsSync(join(root, file))).toBe(true);
  });

  it('takes no sources from a machine that were built there', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    expect(ignored).toEqual(
      expect.arrayContaining(['.git', '**/node_modules', '**/dist', '**/*.tsbuildinfo']),
    );
  });

  it('opens the ports that its environment names', () => {
    const ports = Object.entries(imageEnvironment).filter(([name]) => name.endsWith('_PORT'));
    expect(all('EXPOSE')).toEqual([ports.map(([, port]) => port).join(' ')]);
    for (const name of Object.keys(imageEnvironment))
      if (name.startsWith('POSTROAD_')) expect(known).toContain(name);
  });
});

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly depends_on?: readonly string[] | Readonly<Record<string, { readonly condition: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: unknown;
  readonly ports?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

describe('compose.yaml', () => {
  const { services, volumes } = yaml.parse(textOf('compose.yaml'), { merge: true }) as Compose;

  it('names services, files and volumes that are there', () => {
    for (const [name, service] of Object.entries(services)) {
      expect([name, service.image !== undefined || service.build !== undefined]).toEqual([name, true]);
      const needs = service.depends_on ?? [];
      for (const other of Array.isArray(needs) ? needs : Object.keys(needs))
        expect(services).toHaveProperty(other);
      for (const [other, { condition }] of Array.isArray(needs) ? [] : Object.entries(needs))
        if (condition === 'service_healthy') expect(services[other]?.healthcheck).toBeDefined();
      if (service.build !== undefined)
        expect(existsSync(join(here, service.build.context, service.build.dockerfile))).toBe(true);
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        if (source.startsWith('.')) expect(existsSync(join(here, source))).toBe(true);
        else expect(volumes).toHaveProperty(source);
      }
      for (const word of service.command ?? [])
        if (word.endsWith('.ts')) expect(existsSync(join(root, word))).toBe(true);
    }
  });

  it('gives every node an environment that it starts with', () => {
    const nodes = Object.entries(services).filter(([, service]) => service.build !== undefined);
    expect(nodes.map(([name]) => name)).toEqual(['migrate', 'node1', 'node2', 'node3']);
    for (const [, { environment = {} }] of nodes) {
      for (const name of Object.keys(environment)) expect(known).toContain(name);
      expect(clusterNode({ ...imageEnvironment, ...environment }).listeners).toHaveLength(2);
      const { hostname } = new URL(environment.POSTROAD_DATABASE ?? '');
      expect(services).toHaveProperty(hostname);
      expect(services).toHaveProperty(new URL(environment.POSTROAD_REDIS ?? '').hostname);
      expect(services).toHaveProperty(new URL(environment.POSTROAD_S3_ENDPOINT ?? '').hostname);
    }
  });

  it.skipIf(!hasBalancer)('has a balancer whose configuration HAProxy takes', () => {
    const file = join(here, 'docker/haproxy.cfg');
    execFileSync('/usr/sbin/haproxy', ['-c', '-f', file], { timeout: 20_000, stdio: 'pipe' });
    const text = textOf('docker/haproxy.cfg');
    for (const [, name, port] of text.matchAll(/^ {2}server \S+ (\S+):(\d+) /gm)) {
      expect(services).toHaveProperty(name ?? '');
      expect(Object.values(imageEnvironment)).toContain(port);
    }
    const bound = [...text.matchAll(/bind :(\d+)/g)].map(([, port]) => port);
    expect(services.balancer?.ports?.map((one) => one.split(':')[1])).toEqual(bound);
  });
});

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: {
    readonly template?: { readonly spec: Pod; readonly metadata?: { readonly labels: object } };
  } & Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}
interface Pod {
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
}
interface Container {
  readonly args?: readonly string[];
  readonly envFrom: readonly Readonly<Record<string, { readonly name: string }>>[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe?: { readonly tcpSocket: { readonly port: string } };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

/** The versions of the kinds that are used. */
const versions: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  Job: 'batch/v1',
  Service: 'v1',
  ConfigMap: 'v1',
  Secret: 'v1',
  PodDisruptionBudget: 'policy/v1',
};

describe('the Kubernetes manifests', () => {
  const manifests = readdirSync(join(here, 'kubernetes')).flatMap((file) =>
    yaml.parseAllDocuments(textOf(`kubernetes/${file}`)).map((one) => {
      expect(one.errors).toEqual([]);
      return one.toJS() as Manifest;
    }),
  );
  const ofKind = (kind: string): readonly Manifest[] => manifests.filter((one) => one.kind === kind);
  const pods = [...ofKind('Deployment'), ...ofKind('Job')].map((one) => one.spec?.template?.spec as Pod);

  it('are of known kinds, none of which keeps anything', () => {
    for (const { kind, apiVersion, metadata } of manifests) {
      expect([kind, apiVersion]).toEqual([kind, versions[kind]]);
      expect(metadata.name).toMatch(/^[a-z][a-z0-9-]*$/);
    }
    expect(pods).toHaveLength(2);
  });

  it('give a container everything that it starts with', () => {
    for (const { containers, volumes = [] } of pods) {
      for (const container of containers) {
        const given = container.envFrom.map((one) => {
          const [[kind = '', { name }]] = Object.entries(one) as [[string, { name: string }]];
          const named = ofKind(kind === 'secretRef' ? 'Secret' : 'ConfigMap').find(
            (it) => it.metadata.name === name,
          );
          return named?.data ?? named?.stringData ?? expect.unreachable(`there is no ${kind} ${name}`);
        });
        const own = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));
        const environment = { ...imageEnvironment, ...Object.assign({}, ...given), ...own } as Record<
          string,
          string
        >;
        for (const name of Object.keys(environment))
          if (name.startsWith('POSTROAD_')) expect(known).toContain(name);
        expect(clusterNode(environment).listeners).toHaveLength(2);
        for (const word of container.args ?? [])
          if (word.endsWith('.ts')) expect(existsSync(join(root, word))).toBe(true);
        for (const { name } of container.volumeMounts ?? [])
          expect(volumes.map((one) => one.name)).toContain(name);
        for (const { containerPort } of container.ports ?? [])
          expect(Object.values(imageEnvironment)).toContain(`${containerPort}`);
        const names = (container.ports ?? []).map((one) => one.name);
        if (container.readinessProbe !== undefined)
          expect(names).toContain(container.readinessProbe.tcpSocket.port);
      }
    }
  });

  it('select the pods that there are, and send to ports that these have', () => {
    const labels = ofKind('Deployment')[0]?.spec?.template?.metadata?.labels;
    const [{ spec }] = ofKind('Service') as [Manifest];
    expect(labels).toMatchObject(spec?.selector as object);
    const names = pods.flatMap(({ containers }) =>
      containers.flatMap(({ ports = [] }) => ports.map((one) => one.name)),
    );
    for (const { targetPort } of (spec?.ports ?? []) as readonly { targetPort: string }[])
      expect(names).toContain(targetPort);
  });
});
