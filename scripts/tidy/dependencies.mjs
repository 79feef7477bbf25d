// Who may depend on whom (docs/architecture.md).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';

/**
 * The folders and files of core/src from the bottom up. What runs may import from its own layer or from those above
 * it in this list; types may come from anywhere, because they are gone when the code runs.
 */
const layers = [
  ['values', 'errors', 'version', 'cache'],
  ['body', 'mime', 'dns', 'mailbox'],
  ['context', 'di'],
  ['hooks', 'services', 'peers'],
  ['plugin'],
  ['sasl', 'passwords'],
  ['stages', 'smtp'],
  ['memory'],
  ['server', 'config', 'control'],
  ['mta', 'mta-options'],
  ['cli', 'testing'],
  ['index'],
];

/** Imports that go against the order, with the reason. */
const upward = new Map([
  ['core/src/plugin/load.ts', 'plugins that are compiled in memory get this very core, which is its index'],
]);

/** Folders whose files import each other one way only, for types too: each can be read with those below it alone. */
const oneWay = ['core/src/smtp/'];

const rankOf = new Map(layers.flatMap((names, rank) => names.map((name) => [name, rank])));
const builtins = new Set(builtinModules);

export function checkDependencies({ root, sources, report }) {
  const importers = new Map();
  for (const source of sources) {
    for (const one of source.imports) {
      if (source.path.startsWith('core/src/')) checkCore(source, one, importers, report);
      else if (/^(?:plugins|engines)\//.test(source.path)) checkPlugin(root, source, one, report);
    }
  }
  for (const folder of oneWay) checkCircles(folder, sources, report);
  for (const [name, files] of importers) {
    if (files.size < 2) continue;
    report(
      'one-importer',
      [...files].sort().join(', '),
      `only one file of core may import ${name}: let the others ask that one`,
    );
  }
}

/** Takes away who imports nobody that is left, again and again: what stays is a circle, or needs one. */
function checkCircles(folder, sources, report) {
  const left = new Map(
    sources
      .filter(({ path, isTest }) => path.startsWith(folder) && !isTest)
      .map(({ path, imports }) => [path, imports.map(({ specifier }) => fileOf(path, specifier))]),
  );
  for (let size = -1; size !== left.size; ) {
    size = left.size;
    for (const [path, targets] of left) if (!targets.some((target) => left.has(target))) left.delete(path);
  }
  for (const path of left.keys()) {
    report('circle', path, 'is part of a circle of imports, or needs one: let it know an interface instead');
  }
}

function fileOf(path, specifier) {
  return normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts');
}

function checkCore(source, one, importers, report) {
  const { specifier } = one;
  const place = `${source.path}:${one.line}`;
  if (specifier.startsWith('.')) {
    checkLayer(source, one, report);
    return;
  }
  if (isBuiltin(specifier)) return;
  if (specifier.startsWith('@postroad/')) {
    report('core-imports-plugin', place, `core may not import ${specifier}: provide it by a token`);
    return;
  }
  // A patch of the language, not a library: what needs it may ask for it.
  if (specifier === 'reflect-metadata') return;
  // The contract suites are test code of their users.
  if (source.isTest || source.path.startsWith('core/src/testing/')) return;
  const name = packageOf(specifier);
  importers.set(name, (importers.get(name) ?? new Set()).add(source.path));
}

function checkLayer(source, one, report) {
  if (one.isType || source.isTest || upward.has(source.path)) return;
  const from = layerOf(source.path);
  const to = layerOf(join(dirname(source.path), one.specifier));
  const fromRank = rankOf.get(from);
  const toRank = rankOf.get(to);
  const place = `${source.path}:${one.line}`;
  if (fromRank === undefined || toRank === undefined) {
    report(
      'layer',
      place,
      `${fromRank === undefined ? from : to} is in no layer: give it one in scripts/tidy/dependencies.mjs`,
    );
    return;
  }
  if (toRank <= fromRank) return;
  report(
    'layer',
    place,
    `${from} may not use ${to}, which is above it: pass in what it needs, or move the code`,
  );
}

function layerOf(path) {
  const [first = ''] = normalize(path)
    .replace(/^core\/src\//, '')
    .split('/');
  return first.replace(/\.[jt]s$/, '');
}

function checkPlugin(root, source, one, report) {
  const { specifier, line } = one;
  const place = `${source.path}:${line}`;
  const folder = source.path.split('/').slice(0, 2).join('/');
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(source.path), specifier));
    if (!target.startsWith(`${folder}/`))
      report('plugin-imports', place, `${specifier} is outside of the plugin`);
    return;
  }
  if (isBuiltin(specifier)) return;
  if (specifier.startsWith('@postroad/')) {
    const allowed = [
      '@postroad/core',
      // What the plugins on one engine share (docs/decisions/0030-libraries-of-engines.md).
      ...engines(root, folder, source.isTest),
      ...(source.isTest ? ['@postroad/core/testing', nameOf(root, folder)] : []),
      // The second entry of an engine is for tests, as that of the core is.
      ...(/^engines\/[^/]+\/src\/testing\//.test(source.path) ? ['@postroad/core/testing'] : []),
      ...(source.isTest ? engines(root, folder, true).map((name) => `${name}/testing`) : []),
    ];
    if (allowed.includes(specifier)) return;
    report(
      'plugin-imports',
      place,
      `a plugin imports @postroad/core only, not ${specifier}: share through a token`,
    );
    return;
  }
  if (source.isTest) return;
  const name = packageOf(specifier);
  if (name in (manifestOf(root, folder).dependencies ?? {})) return;
  report('plugin-imports', place, `${name} is not among the dependencies of ${folder}/package.json`);
}

/** The libraries of engines that the package names among its dependencies; engines themselves use none. Tests may name more. */
function engines(root, folder, isTest) {
  if (!folder.startsWith('plugins/')) return [];
  const all = existsSync(join(root, 'engines')) ? readdirSync(join(root, 'engines')) : [];
  const names = all.map((name) => nameOf(root, `engines/${name}`));
  const { dependencies = {}, devDependencies = {} } = manifestOf(root, folder);
  return names.filter((name) => name in dependencies || (isTest && name in devDependencies));
}

const manifests = new Map();

function manifestOf(root, folder) {
  if (!manifests.has(folder)) {
    manifests.set(folder, JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')));
  }
  return manifests.get(folder);
}

function nameOf(root, folder) {
  return manifestOf(root, folder).name;
}

function isBuiltin(specifier) {
  return specifier.startsWith('node:') || builtins.has(specifier);
}

function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
