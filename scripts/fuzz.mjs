// npm run fuzz                       which targets there are
// npm run fuzz -- TARGET SECONDS     runs one of them; what reaches something new, or breaks a rule, is kept in native/build/fuzz
// npm run fuzz -- TARGET minimize    adds to its corpus the few inputs found that reach what no other input reaches
// npm run fuzz -- TARGET coverage    which lines and branches of what it is meant to test the inputs reach, kept and found
// Those in C++ are built with libFuzzer (clang), those in TypeScript are guided by V8's own counters.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { build } from 'esbuild';

const PROGRAM = 'test-results/fuzz.mjs';
const native = readdirSync('native/fuzz').flatMap((name) => /^fuzz_(\w+)\.cpp$/.exec(name)?.slice(1) ?? []);
const [target, task = '60'] = process.argv.slice(2);

mkdirSync('test-results', { recursive: true });
await build({
  entryPoints: ['test/fuzz/main.ts'],
  outfile: PROGRAM,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  banner: { js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" },
});

if (target === undefined) console.log(native.join('\n'));
const [command, ...args] = native.includes(target)
  ? make()
  : task === 'coverage'
    ? vitest()
    : [process.execPath, PROGRAM, ...process.argv.slice(2)];
process.exitCode =
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, FUZZ_FOUND: '1' } }).status ?? 70;

function make() {
  const goal = ['minimize', 'coverage'].includes(task) ? [task] : [`SECONDS=${task}`, 'fuzz'];
  return ['make', '--silent', '--directory=native/fuzz', `TARGET=${target}`, ...goal];
}

function vitest() {
  const covers = execFileSync(process.execPath, [PROGRAM, target, 'covers'], { encoding: 'utf8' }).trim().split('\n');
  const coverage = ['enabled', 'provider=v8', 'reporter=text', ...covers.map((path) => `include=${path}`)];
  const only = ['--project', 'property', 'test/property/fuzz.test.ts', '--testNamePattern', `fuzz target '${target}'`];
  return ['node_modules/.bin/vitest', 'run', ...only, ...coverage.map((option) => `--coverage.${option}`)];
}
