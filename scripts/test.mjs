// node scripts/test.mjs [PROJECT...] [FILE... and options of vitest]: runs the test suite, or only these projects, or of them only these files.
// Kernel and process tests run in a private network namespace, so that no test ever touches an interface of the host; without root a user
// namespace does the same where the host allows it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';

const RESULTS = 'test-results';
const inNamespace = new Set(['process', 'kernel', 'clock']);
const all = ['unit', 'property', 'simulation', 'native', 'process', 'kernel', 'kernels'];
// These set the clock of the machine, and run only where somebody asks for them.
const onlyByName = ['clock'];
// One run of the test runner each, in this order: the kernel tests are about speed too, and come when nothing is compiled any more.
const groups = [['simulation', 'unit', 'property'], ['process'], ['kernel'], ['native'], ['clock']];
// What takes CPU time and has no hurry is done in the gaps of those that mostly wait: compiling for the native tests, another kernel.
const asides = ['kernels'];
const known = [...all, ...onlyByName];
const words = process.argv.slice(2);
const named = words.findIndex((word) => !known.includes(word));
const [projects, filters] = named < 0 ? [words, []] : [words.slice(0, named), words.slice(named)];
const chosen = projects.length > 0 ? projects : all;
// Where every test must run, a missing privilege or program is a failure instead of a skip.
const isStrict = process.env.REQUIRE_ALL_TESTS === '1';

const [stray] = filters;
if (stray !== undefined && !stray.startsWith('-') && !/[./]/.test(stray)) {
  console.error(`no such tests: ${stray}; there are ${known.join(', ')}, and behind them files such as test/unit/layering.test.ts`);
  process.exit(2);
}

run('node', ['scripts/build.mjs']);
run('npx', ['--no-install', 'node-gyp', ...(isConfigured() ? [] : ['configure']), 'build', '--jobs=max'], { quiet: true });
if (filters.length > 0) {
  const { command, env } = testing(chosen);
  const { status } = spawnSync(command[0], [...command.slice(1), ...filters], { stdio: 'inherit', env });
  process.exit(status ?? 1);
}
rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(RESULTS);

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
const total = { passed: 0, failed: 0, skipped: 0, names: [] };
const beside = runAside(asides.filter((project) => chosen.includes(project)));

for (const together of groups) {
  const group = together.filter((project) => chosen.includes(project));
  if (group.length === 0) continue;
  if (group.includes('kernel') || group.includes('native')) await beside;
  const { command, env, file } = testing(group);
  const child = spawn(command[0], command.slice(1), { stdio: 'inherit', env });
  const [status] = await once(child, 'close');
  count(file, status);
}
await beside;

const minimum = JSON.parse(readFileSync('test/minimum.json', 'utf8'));
const expected = chosen.reduce((sum, project) => sum + minimum[project], 0);
if (total.skipped > 0 && isStrict) fail(`${total.skipped} tests were skipped, and REQUIRE_ALL_TESTS=1 allows none`);
if (total.passed + total.skipped < expected)
  fail(
    `only ${total.passed + total.skipped} tests ran of ${chosen.join(', ')}, and test/minimum.json expects ${expected}: find out which are missing; if they were dropped on purpose, lower it there`,
  );
for (const name of total.names) console.error(`failed: ${name}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);

/** Whether the build of the addon knows all sources and options: a list of sources is made when it is configured. */
function isConfigured() {
  if (!existsSync('build/Makefile')) return false;
  const made = statSync('build/Makefile').mtimeMs;
  const rooms = readdirSync('native/core', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = ['binding', 'host', 'lab', ...rooms.map(({ name }) => `core/${name}`)].map((name) => `native/${name}`);
  return ['binding.gyp', 'native/flags.sh', ...folders].every((path) => statSync(path).mtimeMs <= made);
}

/** The command that runs these projects in one run of the test runner, its environment, and the file that it tells the results in. */
function testing(group) {
  const file = `${RESULTS}/${group.join('-')}.json`;
  const vitest = ['node_modules/.bin/vitest', 'run', ...group.flatMap((project) => ['--project', project])];
  const reporters = filters.length > 0 ? [] : ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const isPrivate = group.some((project) => inNamespace.has(project));
  return {
    file,
    command: [...(isPrivate ? namespace() : []), ...vitest, ...reporters],
    // Tests that load BPF programs mount a file system to pin them in, and must know that no mount of the host's is touched.
    env: { ...process.env, ...(isPrivate && { FANOUT_TEST_MOUNTS: 'own' }), ...(group[0] === 'clock' && { FANOUT_TEST_CLOCK: 'own' }) },
  };
}

async function runAside(projects) {
  // Errors of the compiler are told by the tests, which make whatever is missing; kernel tests use its programs, too.
  if (chosen.some((project) => project === 'native' || project === 'kernel'))
    await inGaps(['make', '--silent', `--jobs=${availableParallelism()}`, '--directory=native', 'programs']);
  for (const project of projects) {
    const { command, env, file } = testing([project]);
    const { status, output } = await inGaps(command, env);
    process.stdout.write(output);
    count(file, status);
  }
}

/**
 * Does this in the gaps that other work leaves: minutes of CPU time, while the first tests mostly wait. A session of its own is a scheduling
 * group of its own (sched(7), autogroup), whose nice value counts among groups.
 */
function inGaps(command, env = process.env) {
  const script = 'echo 19 >/proc/self/autogroup; exec nice -n 19 "$@"';
  const child = spawn('sh', ['-c', script, 'sh', ...command], { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true });
  const end = () => {
    try {
      process.kill(-child.pid);
    } catch {}
  };
  process.on('exit', end);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: 1, output: String(error) }));
    child.on('close', (status) => {
      process.off('exit', end);
      resolve({ status, output });
    });
  });
}

function namespace() {
  if (process.getuid() === 0) return ['unshare', '--net', '--mount', '--'];
  return ['unshare', '--user', '--map-root-user', '--net', '--mount', '--'];
}

// Vitest ends with status 0 although tests were skipped, and with 1 for an error outside any test.
function count(file, status) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    report = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
  total.passed += report.numPassedTests;
  total.skipped += report.numPendingTests + report.numTodoTests;
  total.failed += report.numFailedTests;
  for (const { name, assertionResults } of report.testResults) {
    for (const { status: outcome, fullName } of assertionResults) {
      if (outcome === 'failed') total.names.push(`${relative('.', name)}: ${fullName}`);
    }
  }
  if (status !== 0 && report.numFailedTests === 0) fail('the test runner itself failed');
}

function fail(why) {
  console.error(`tests: ${why}`);
  total.failed += 1;
}

function run(command, args, { quiet = false } = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, { stdio: quiet ? 'pipe' : 'inherit', encoding: 'utf8' });
  if (status === 0) return;
  if (quiet) console.error(`${stdout}${stderr}`);
  process.exit(1);
}
