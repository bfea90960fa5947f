// Runs the test suite, or the projects named as arguments. Kernel and process tests run in a private network namespace, so that no test
// ever touches an interface of the host; without root a user namespace does the same where the host allows it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const RESULTS = 'test-results';
const inNamespace = new Set(['process', 'kernel', 'clock']);
const all = ['unit', 'property', 'native', 'process', 'kernel'];
// These set the clock of the machine, and run only where somebody asks for them.
const onlyByName = ['clock'];
// One run of the test runner each, in this order: the kernel tests are about speed too, and come when nothing is compiled any more.
const groups = [['unit', 'property'], ['process'], ['kernel'], ['native'], ['clock']];
const chosen = process.argv.length > 2 ? process.argv.slice(2) : all;
// Where every test must run, a missing privilege or program is a failure instead of a skip.
const isStrict = process.env.REQUIRE_ALL_TESTS === '1';

const known = [...all, ...onlyByName];
const unknown = chosen.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no such tests: ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}

run('node', ['scripts/build.mjs']);
run('npx', ['--no-install', 'node-gyp', 'configure', 'build', '--jobs=max'], { quiet: true });
rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(RESULTS);

const compiling = chosen.some((p) => p === 'native' || p === 'kernel') ? compileAside() : Promise.resolve();

const total = { passed: 0, failed: 0, skipped: 0 };
for (const projects of groups) {
  const group = projects.filter((p) => chosen.includes(p));
  if (group.length === 0) continue;
  if (group.includes('kernel') || group.includes('native')) await compiling;
  const file = `${RESULTS}/${group.join('-')}.json`;
  const vitest = ['node_modules/.bin/vitest', 'run', ...group.flatMap((p) => ['--project', p])];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const command = inNamespace.has(group[0]) ? [...namespace(), ...vitest, ...reporters] : [...vitest, ...reporters];
  // Tests that load BPF programs mount a file system to pin them in, and must know that no mount of the host's is touched.
  const env = {
    ...process.env,
    ...(inNamespace.has(group[0]) && { FANOUT_TEST_MOUNTS: 'own' }),
    ...(group[0] === 'clock' && { FANOUT_TEST_CLOCK: 'own' }),
  };
  const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit', env });
  count(file, status);
}

const minimum = JSON.parse(readFileSync('test/minimum.json', 'utf8'));
const expected = chosen.reduce((sum, project) => sum + minimum[project], 0);
if (total.skipped > 0 && isStrict) fail(`${total.skipped} tests were skipped, and REQUIRE_ALL_TESTS=1 allows none`);
if (total.passed + total.skipped < expected) fail(`only ${total.passed + total.skipped} tests ran; test/minimum.json expects ${expected}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);

/**
 * The native tests' programs take minutes of CPU time to compile, and the first tests mostly wait: one is done in the gaps of the other.
 * Errors are told by the tests, which make whatever is missing.
 */
function compileAside() {
  const make = ['make', '--silent', `--jobs=${availableParallelism()}`, '--directory=native', 'programs'];
  const child = spawn('nice', ['-n', '19', ...make], { stdio: 'ignore' });
  process.on('exit', () => child.kill());
  return new Promise((resolve) => child.on('close', resolve).on('error', resolve));
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
    report = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  }
  total.passed += report.numPassedTests;
  total.skipped += report.numPendingTests + report.numTodoTests;
  total.failed += report.numFailedTests;
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
