// npm run mutate [-- --seeds N] [NAME...]: makes the faults of test/simulation/mutations.ts one at a time, and demands that the simulation
// finds each, or else a unit or native test. With names, only those whose file or name contains one of them. Faults in native code are
// compiled in a copy of the tree.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { bundleSimulation } from './simulation-bundle.mjs';

const RUN_MS_MAX = 600_000;
/** What has no test of its name. */
const TESTED_BY = { evidence: 'test_flow_map', fragment_store: 'test_flow_map' };
/** Simulated workers tell what they saw, and no packet of theirs has bytes. */
const NOT_SIMULATED = /\/(strip_|dissect|flow_cache|capture_file|prediction|repeats)/;
/** What no plain run comes to. */
const IN_COMMANDS = /^src\/(?:commands\/(?:churn|race|scale|compare\/own-load)|collector\/run\/result-head)/;
const { values, positionals: wanted } = parseArgs({ allowPositionals: true, options: { seeds: { type: 'string' } } });

const scratch = mkdtempSync(join(tmpdir(), 'fanout-cluster-mutate-'));
try {
  process.exitCode = await mutateAll();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function mutateAll() {
  const all = await mutationsOf();
  const chosen = all.filter(({ file, name }) => wanted.length === 0 || wanted.some((word) => `${file}: ${name}`.includes(word)));
  const native = chosen.filter(({ file }) => file.startsWith('native/'));
  if (native.length > 0) prepareNative();
  // What is compiled without a defect is compiled once.
  if (native.some(({ file }) => !NOT_SIMULATED.test(file))) compile('configure');
  console.log('| file | fault | found by | seed |\n|---|---|---|---|');
  let survivors = 0;
  for (const mutation of chosen) {
    const { by, seed } = await trial(mutation);
    if (by === undefined) survivors += 1;
    console.log(`| \`${mutation.file}\` | ${mutation.name} | ${by ?? '**nothing**'} | ${seed ?? ''} |`);
  }
  console.log(`${chosen.length} faults, ${survivors} that nothing found`);
  return survivors === 0 ? 0 : 1;
}

async function mutationsOf() {
  const outfile = join(scratch, 'mutations.mjs');
  await build({ entryPoints: ['test/simulation/mutations.ts'], outfile, format: 'esm', logLevel: 'warning' });
  const { MUTATIONS } = await import(pathToFileURL(outfile).href);
  return MUTATIONS;
}

function mutated({ file, find, replace }) {
  const text = readFileSync(file, 'utf8');
  if (text.split(find).length !== 2) throw new Error(`${file} does not hold this once: ${find}`);
  return text.replace(find, () => replace);
}

async function trial(mutation) {
  if (mutation.file.startsWith('native/')) return trialOfNative(mutation);
  const found = await trialOfTypeScript(mutation);
  return found.by === undefined ? unitTestThatFinds(mutation) : found;
}

async function trialOfTypeScript(mutation) {
  const path = resolve(mutation.file);
  const contents = mutated(mutation);
  const plugin = {
    name: 'fault',
    setup: ({ onLoad }) => onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: 'ts' } : undefined)),
  };
  // Beside the real addon.
  mkdirSync('test-results', { recursive: true });
  const program = 'test-results/mutant.mjs';
  await bundleSimulation(program, [plugin]);
  return simulate(program, IN_COMMANDS.test(mutation.file) ? ['--commands'] : []);
}

// ---- native code

function prepareNative() {
  for (const name of [
    'native/flags.sh',
    'native/core',
    'native/test',
    'native/lab',
    'native/host',
    'native/binding',
    'binding.gyp',
    'package.json',
  ])
    cpSync(name, join(scratch, name), { recursive: true });
  symlinkSync(resolve('node_modules'), join(scratch, 'node_modules'));
}

function compile(...steps) {
  const { status, stdout, stderr } = spawnSync('npx', ['--no-install', 'node-gyp', ...steps, 'build'], { cwd: scratch, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the addon does not compile:\n${stdout}${stderr}`);
}

async function trialOfNative(mutation) {
  const path = join(scratch, mutation.file);
  writeFileSync(path, mutated(mutation));
  const found = NOT_SIMULATED.test(mutation.file) ? {} : await simulationOfNative();
  const finder = found.by === undefined ? nativeTestThatFinds(mutation) : found;
  writeFileSync(path, readFileSync(mutation.file));
  return finder;
}

async function simulationOfNative() {
  compile();
  const program = join(scratch, 'mutant.mjs');
  await bundleSimulation(program);
  return simulate(program);
}

/** The test that is likely to fail first; else that of all headers, which reads what is left. */
function nativeTestThatFinds({ file }) {
  const name = basename(file).replace(/\.\w+$/, '');
  const own = TESTED_BY[name] ?? `test_${name}`;
  const likely = existsSync(join(scratch, `native/test/${own}.cpp`)) ? own : 'test_dissect';
  return failedNativeTest(`run-plain-${likely}`) ?? failedNativeTest('check-plain') ?? {};
}

function failedNativeTest(goal) {
  // A defect may leave something unused, and what is compiled for one run is not worth much optimising.
  const flags = ['STRICT=-std=c++20 -fno-exceptions -w', 'plain_FLAGS=-O1', 'plain_TEST_FLAGS=-O0'];
  const check = ['--silent', '--jobs=2', `--directory=${join(scratch, 'native/test')}`, ...flags, goal];
  const { stderr } = spawnSync('make', check, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const found = /\brun-plain-(test_\w+)\] (?:Error|Aborted|Segm)/.exec(stderr);
  return found === null ? undefined : { by: `\`native/test/${found[1]}.cpp\`` };
}

// ---- what finds it

/** @param which scenarios; of runs by default */
function simulate(program, which = []) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, '--first', ...which, ...(values.seeds === undefined ? [] : ['--seeds', values.seeds])],
    {
      encoding: 'utf8',
      timeout: RUN_MS_MAX,
      maxBuffer: 1 << 28,
    },
  );
  if (status === 0) return {};
  const found = /^seed (\d+).*\n {2}([\w-]+):/m.exec(stdout);
  if (found !== null) return { by: found[2], seed: found[1] };
  return { by: status === null ? 'it does not end' : `it fails: ${stderr.split('\n').find((line) => /\w*Error/.test(line)) ?? status}` };
}

/** In a copy of the tree, because the test runner reads the files themselves: the first test file that fails. */
function unitTestThatFinds(mutation) {
  const tree = join(scratch, 'tree');
  if (!existsSync(tree)) {
    for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
      cpSync(name, join(tree, name), { recursive: true });
    for (const name of ['node_modules', 'build']) symlinkSync(resolve(name), join(tree, name));
  }
  const path = join(tree, mutation.file);
  const results = join(scratch, 'unit.json');
  writeFileSync(path, mutated(mutation));
  const own = mutation.file.replace(/^src\/([^/]+)\/.*$/, 'test/unit/$1/');
  const tests = [...new Set(['test/unit/collector/', own])];
  const vitest = ['vitest', 'run', '--project', 'unit', ...tests, '--reporter=json', `--outputFile=${results}`];
  spawnSync('npx', ['--no-install', ...vitest], { cwd: tree, stdio: 'ignore', timeout: RUN_MS_MAX });
  writeFileSync(path, readFileSync(mutation.file));
  const failed = JSON.parse(readFileSync(results, 'utf8')).testResults.find(({ status }) => status === 'failed');
  return failed === undefined ? {} : { by: `\`${relative(tree, failed.name)}\`` };
}
