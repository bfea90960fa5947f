// npm run coverage [-- FILE...]: the whole suite once more, or only these files of it, measured, in a copy of the sources below coverage/. Prints lines and branches by folder;
// coverage/uncovered.txt lists what no test reaches. What is measured runs slower, so a test about time may fail here: that is told, too.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { coverageOfSources, linesOf } from './coverage/typescript.mjs';

const OUT = resolve('coverage');
const [TREE, RAW] = [join(OUT, 'tree'), join(OUT, 'raw')];
/** They look at the finished addon, or compile for themselves. */
const EXCLUDED = ['test/native/native.test.ts', 'test/native/addon-file.test.ts', 'test/unit/package.test.ts'];
/** Worker programs that come by descriptor have nothing beside them, such as what measures. */
const NOT_NAMED = '--testNamePattern=^(?!.*code comes by descriptor)';
// The addon is compiled in build/, by names relative to that: they are to be the same as those of the tests.
const NATIVE_FLAGS = [
  '-O1 -g -w -fcoverage-mapping -mllvm -runtime-counter-relocation',
  `-fprofile-instr-generate=${join(RAW, 'native', '%c%m.profraw')}`,
  `-fcoverage-prefix-map=..=${TREE}`,
].join(' ');

rmSync(OUT, { recursive: true, force: true });
for (const folder of ['v8', 'native']) {
  mkdirSync(join(RAW, folder), { recursive: true });
  // Workers run as another user.
  chmodSync(join(RAW, folder), 0o777);
}
copySources();
buildMeasured();
const failed = runTests();
runNativeTests();

const typescript = await coverageOfSources(
  TREE,
  [join(RAW, 'alone', 'coverage-final.json'), join(RAW, 'namespace', 'coverage-final.json')],
  join(RAW, 'v8'),
);
const native = coverageOfNative();
const details = [...typescript].map(([path, file]) => ({ path, ...figuresOf(file) })).concat(native);
print(details);
writeFileSync(join(OUT, 'uncovered.txt'), details.map(({ path, missing }) => `${path}: ${missing.join(' ')}\n`).join(''));
console.log(`\n${failed === 0 ? 'all tests passed' : `${failed} tests failed`}; what no test reaches is in coverage/uncovered.txt`);

function copySources() {
  const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' });
  // The linter takes a second configuration for a mistake.
  for (const name of names.split('\0').filter((path) => path !== '' && path !== 'biome.json')) {
    mkdirSync(dirname(join(TREE, name)), { recursive: true });
    cpSync(name, join(TREE, name));
  }
  symlinkSync(resolve('node_modules'), join(TREE, 'node_modules'));
}

/** The bundles stand behind a small program each, which counts; the addon counts by itself, even in a process that is killed. */
function buildMeasured() {
  run(['node', 'scripts/build.mjs']);
  const dist = join(TREE, 'dist');
  cpSync('scripts/coverage/measure.cjs', join(dist, 'measure.cjs'));
  for (const name of readdirSync(dist).filter((file) => /^(?:cli|chunk-\w+)\.js$|^worker\.cjs$/.test(file))) {
    const measured = name.replace(/(\.c?js)$/, '-measured$1');
    renameSync(join(dist, name), join(dist, measured));
    const code = readFileSync(join(dist, measured), 'utf8');
    writeFileSync(join(dist, measured), code.replace(/(["']\.\/(?:cli|chunk-\w+))\.js(["'])/g, '$1-measured.js$2'));
  }
  writeFileSync(join(dist, 'cli.js'), "#!/usr/bin/env node\nimport './measure.cjs';\nawait import('./cli-measured.js');\n", {
    mode: 0o755,
  });
  writeFileSync(join(dist, 'worker.cjs'), "require('./measure.cjs');\nrequire('./worker-measured.cjs');\n");
  // Both builds name the sources alike, so that their counts add up.
  const gyp = readFileSync(join(TREE, 'binding.gyp'), 'utf8');
  writeFileSync(join(TREE, 'binding.gyp'), gyp.replace(/^.*-ffile-prefix-map=.*\n/gm, '"-g",\n'));
  const link = '-fprofile-instr-generate';
  run(['npx', '--no-install', 'node-gyp', 'configure', 'build', '--jobs=max'], {
    CC: 'clang',
    CXX: 'clang++',
    CXXFLAGS: NATIVE_FLAGS,
    LDFLAGS: link,
  });
  // All processes count in one file, which the first one makes.
  run(['node', '--print', "require('./build/Release/fanout.node')"]);
  for (const name of readdirSync(join(RAW, 'native'))) chmodSync(join(RAW, 'native', name), 0o666);
}

function runTests() {
  const namespace =
    process.getuid() === 0 ? ['unshare', '--net', '--mount', '--'] : ['unshare', '--user', '--map-root-user', '--net', '--mount', '--'];
  const groups = { alone: [[], ['unit', 'property', 'simulation', 'native']], namespace: [namespace, ['process', 'kernel']] };
  let count = 0;
  for (const [name, [by, projects]] of Object.entries(groups)) {
    const result = join(RAW, `${name}.json`);
    const coverage = [
      'enabled',
      'provider=v8',
      'include=src/**',
      'reporter=json',
      'reportOnFailure',
      `reportsDirectory=${join(RAW, name)}`,
    ];
    const args = [
      'run',
      ...process.argv.slice(2),
      '--passWithNoTests',
      NOT_NAMED,
      ...projects.flatMap((project) => ['--project', project]),
      ...EXCLUDED.flatMap((path) => ['--exclude', path]),
    ];
    const reports = ['--reporter=dot', '--reporter=json', `--outputFile.json=${result}`];
    run(
      [...by, 'node_modules/.bin/vitest', ...args, ...coverage.map((option) => `--coverage.${option}`), ...reports],
      { FANOUT_TEST_MOUNTS: 'own', FANOUT_TEST_BUILD: 'changed' },
      true,
    );
    count += JSON.parse(readFileSync(result, 'utf8')).numFailedTests;
  }
  return count;
}

function runNativeTests() {
  run(['make', '--silent', '--directory=native/test', '--jobs=2', 'CXX=clang++', `coverage_FLAGS=${NATIVE_FLAGS}`, 'programs-coverage']);
  run(['make', '--silent', '--directory=native/test', 'CXX=clang++', `coverage_FLAGS=${NATIVE_FLAGS}`, 'check-coverage'], {}, true);
}

function coverageOfNative() {
  const profile = join(RAW, 'native.profile');
  const profiles = readdirSync(join(RAW, 'native')).map((name) => join(RAW, 'native', name));
  run(['llvm-profdata', 'merge', '--sparse', `--output=${profile}`, ...profiles]);
  const programs = readdirSync(join(TREE, 'native/build/coverage')).filter((name) => name.startsWith('test_'));
  const objects = programs.flatMap((name) => ['--object', join(TREE, 'native/build/coverage', name)]);
  const addon = join(TREE, 'build/Release/fanout.node');
  const json = execFileSync('llvm-cov', ['export', addon, ...objects, `--instr-profile=${profile}`], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const [{ files }] = JSON.parse(json).data;
  return files
    .map((file) => ({ ...file, path: file.filename.replace(`${TREE}/`, '') }))
    .filter(({ path }) => /^native\/(?:core|lab|host|binding)\//.test(path))
    .map(({ path, summary, segments }) => ({
      path,
      lines: [summary.lines.covered, summary.lines.count],
      branches: [summary.branches.covered, summary.branches.count],
      missing: [...new Set(segments.filter(([, , times, hasCount, isEntry]) => hasCount && isEntry && times === 0).map(([line]) => line))],
    }));
}

function figuresOf(file) {
  const lines = [...linesOf(file)];
  const arms = [...file.arms.values()];
  const missing = [...lines, ...arms.map(({ line, times }) => [line, times])].filter(([, times]) => times === 0).map(([line]) => line);
  return {
    lines: [lines.filter(([, times]) => times > 0).length, lines.length],
    branches: [arms.filter(({ times }) => times > 0).length, arms.length],
    missing: [...new Set(missing)].sort((a, b) => a - b),
  };
}

function print(files) {
  const folders = grouped(files);
  console.log('| folder | lines | | branches | |\n|---|---|---|---|---|');
  for (const [folder, list] of [...folders].sort()) {
    const row = ['lines', 'branches'].map((what) => {
      const [covered, all] = list.reduce(([c, n], file) => [c + file[what][0], n + file[what][1]], [0, 0]);
      return `${covered} of ${all} | ${all === 0 ? '' : `${((100 * covered) / all).toFixed(1)} %`}`;
    });
    console.log(`| \`${folder}\` | ${row.join(' | ')} |`);
  }
}

function grouped(files) {
  const folders = new Map();
  for (const file of files) folders.set(dirname(file.path), [...(folders.get(dirname(file.path)) ?? []), file]);
  return folders;
}

function run([command, ...args], env = {}, mayFail = false) {
  const { status, error } = spawnSync(command, args, { cwd: TREE, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error !== undefined) throw error;
  if (status !== 0 && !mayFail) throw new Error(`${command} ${args[0]} ended with ${status}`);
}
