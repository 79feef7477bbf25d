// What `npm start`, `npm test` and their siblings do, in plain Node and without any dependency, because it
// runs before anything is installed: check Node, install when something changed, build, then the task.
// Each step prints one line; a step that fails ends everything and says what to do.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PNPM = 'pnpm@12.21.0';
const NODE_MIN = [20, 19];
const INSTALL_BY_HAND = `npx -y ${PNPM} install`;
/** Two equal signals closer than this are one: npm passes a Ctrl-C on that the terminal already sent. */
const SAME_SIGNAL_MS = 500;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'node_modules', '.postroad-installed');
const isTty = Boolean(process.stdout.isTTY);
let homeMade;

const tasks = {
  install: () => install({ always: true }),
  build: async () => {
    await install();
    await build();
  },
  lint: async () => {
    await install();
    await lint('warn');
  },
  format: async (args) => {
    await install();
    await tool('format', '@biomejs/biome', 'biome', ['check', '--write', ...args], 'See the messages above.');
  },
  start: async (args) => {
    await install();
    await build();
    await runMain(join(root, 'examples', 'post-office', 'dist', 'main.js'), args);
  },
  bench: async (args) => {
    await install();
    await build();
    if (!existsSync(join(root, 'bench', 'tsconfig.json'))) fail('bench', 'There are no benchmarks yet.');
    await compile('bench build', 'bench');
    await runMain(join(root, 'bench', 'dist', 'main.js'), args);
  },
  test: async (args) => {
    await install();
    await build();
    await compile('types of tests', 'tsconfig.tests.json');
    await lint('error');
    await tidy();
    await tool('test', 'vitest', 'vitest', ['run', ...args], 'The failing tests are listed above.');
  },
};

await main(process.argv[2], process.argv.slice(3));

async function main(name, args) {
  checkNode();
  const task = Object.hasOwn(tasks, name ?? '') ? tasks[name] : undefined;
  if (!task) fail(name ?? 'run', `Say one of: ${Object.keys(tasks).join(', ')}.`, 64);
  process.chdir(root);
  await task(args);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail('node', `Postroad needs Node.js ${NODE_MIN.join('.')} or later; this is ${process.versions.node}.`);
}

/** Runs pnpm only when the lockfile, a package.json or the platform differs from the last installation. */
async function install({ always = false } = {}) {
  const wanted = manifestHash();
  if (!always && existsSync(join(root, 'node_modules', 'typescript')) && readOr(stampFile, '') === wanted)
    return;
  step('install');
  rmSync(stampFile, { force: true });
  // CI=true keeps pnpm from asking; a refusal to change the lockfile must reach the user as a failure.
  const env = { ...childEnvironment(), CI: 'true' };
  const [command, first] = npxCommand();
  const result = await run(command, [...first, '-y', PNPM, 'install', '--frozen-lockfile'], { env });
  if (result !== 0) {
    fail(
      'install',
      'If the messages above name an outdated lockfile, a package.json was changed without it: run ' +
        `\`${INSTALL_BY_HAND}\` and commit pnpm-lock.yaml. Otherwise check that the package registry can be ` +
        `reached and that ${root} can be written to, then try again.`,
      result,
    );
  }
  writeFileSync(stampFile, wanted);
}

function build() {
  return compile('build', '.');
}

function compile(name, project) {
  return tool(name, 'typescript', 'tsc', ['-b', project], 'Mend the type errors listed above.');
}

function lint(level) {
  const args = ['check', `--diagnostic-level=${level}`, ...(isTty ? [] : ['--colors=off'])];
  return tool(
    'lint',
    '@biomejs/biome',
    'biome',
    args,
    'Run `npm run format`, then mend by hand what is left.',
  );
}

async function tidy() {
  const script = join('scripts', 'tidy.mjs');
  if (!existsSync(join(root, script))) return;
  step('tidy');
  const result = await run(process.execPath, [script]);
  if (result !== 0) fail('tidy', 'A rule of the project is broken: see the list above.', result);
}

/** Runs an installed package's command with this Node, so that neither PATH nor a shell is involved. */
async function tool(name, packageName, command, args, advice) {
  step(name);
  const folder = join(root, 'node_modules', packageName);
  const bin = JSON.parse(readOr(join(folder, 'package.json'), '{}')).bin;
  const entry = typeof bin === 'string' ? bin : bin?.[command];
  if (!entry) fail(name, `${packageName} is not installed: run \`node scripts/run.mjs install\`.`);
  const result = await run(process.execPath, [join(folder, entry), ...args]);
  if (result !== 0) fail(name, advice, result);
}

/**
 * Runs a program in this very process: signals reach it once and at once, nothing is left behind when the
 * process is killed, and its exit status is ours.
 */
async function runMain(file, args) {
  step('run');
  if (!existsSync(file))
    fail('run', `${file} was not built: delete the dist folder beside it and try again.`);
  process.argv = [process.execPath, file, ...args];
  process.setSourceMapsEnabled(true);
  mergeRepeatedSignals();
  await import(pathToFileURL(file).href);
}

function mergeRepeatedSignals() {
  const emit = process.emit;
  const lastAt = new Map();
  process.emit = function emitOnce(name, ...rest) {
    if (name === 'SIGINT' || name === 'SIGTERM') {
      const now = performance.now();
      const previous = lastAt.get(name) ?? Number.NEGATIVE_INFINITY;
      lastAt.set(name, now);
      if (now - previous < SAME_SIGNAL_MS) return true;
    }
    return emit.call(this, name, ...rest);
  };
}

/** Resolves to the exit status. A signal to us goes on to the child; we end after it, with the usual status. */
function run(command, args, { env = childEnvironment() } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' });
    let stoppedBy;
    const stop = (signal) => {
      stoppedBy = signal;
      child.kill(signal);
    };
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
    const finish = (status) => {
      for (const signal of STOP_SIGNALS) process.off(signal, stop);
      if (stoppedBy) process.kill(process.pid, stoppedBy);
      else resolve(status);
    };
    child.once('error', (error) => {
      console.error(`${command}: ${error.message}`);
      finish(127);
    });
    child.once('exit', (code) => finish(code ?? 1));
  });
}

/** npx of the npm that started us, else the one beside this Node, else whichever PATH has. */
function npxCommand() {
  const candidates = [
    join(dirname(process.env.npm_execpath ?? ''), 'npx-cli.js'),
    join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npx-cli.js'),
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npx-cli.js'),
  ];
  const script = candidates.find((candidate) => existsSync(candidate));
  return script ? [process.execPath, [script]] : ['npx', []];
}

/** Ours, with a home that can be written to, and with colour only when a terminal shows it. */
function childEnvironment() {
  const env = { ...process.env };
  if (!isTty) {
    delete env.FORCE_COLOR;
    env.NO_COLOR = '1';
  }
  if (process.platform !== 'win32' && !isWritableFolder(env.HOME)) env.HOME = temporaryHome();
  return env;
}

function temporaryHome() {
  if (!homeMade) {
    homeMade = mkdtempSync(join(tmpdir(), 'postroad-home-'));
    process.once('exit', () => rmSync(homeMade, { recursive: true, force: true }));
  }
  return homeMade;
}

function isWritableFolder(path) {
  if (!path) return false;
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isDirectory();
  } catch {
    return false; // Missing or forbidden: either way it is no home.
  }
}

function manifestHash() {
  const hash = createHash('sha256').update(`${PNPM} ${process.platform} ${process.arch}`);
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json'];
  for (const folder of ['core', 'docs']) files.push(join(folder, 'package.json'));
  for (const group of ['engines', 'plugins', 'examples']) {
    for (const name of readdirSync(join(root, group)).sort()) files.push(join(group, name, 'package.json'));
  }
  for (const file of files) hash.update(`\0${file}\0${readOr(join(root, file), '')}`);
  return hash.digest('hex');
}

function readOr(path, otherwise) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return otherwise;
    throw error;
  }
}

function step(name) {
  console.log(isTty ? `\u001b[36m▸ ${name}\u001b[39m` : `▸ ${name}`);
}

function fail(name, advice, status = 1) {
  const line = `✗ ${name} failed. ${advice}`;
  console.error(process.stderr.isTTY ? `\n\u001b[31m${line}\u001b[39m` : `\n${line}`);
  process.exit(status || 1);
}
