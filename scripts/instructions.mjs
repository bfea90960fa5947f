// npm run instructions -- COMMIT: how many instructions a packet, an observation and a flow cost, and how many they cost in that commit.
// Counted by callgrind, so that what else the machine does makes no difference. Exit status 1 where one costs over 5 % more.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const RATIO_MAX = 1.05;
/** The same over both cores. */
const PROGRAM = ['count_one.cpp', 'mixes.hpp'];
const [before] = process.argv.slice(2);
if (before === undefined) {
  console.error('npm run instructions -- COMMIT');
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), 'fanout-cluster-instructions-'));
try {
  process.exitCode = compare();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function compare() {
  const tree = join(scratch, 'tree');
  mkdirSync(tree);
  const archive = execFileSync('git', ['archive', before, 'native'], { maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', tree], { input: archive });
  const program = join(scratch, 'program');
  mkdirSync(program);
  for (const name of PROGRAM) writeFileSync(join(program, name), withNamesOnly(readFileSync(join('native/test', name), 'utf8')));
  const old = compiled('old', join(tree, 'native'), program);
  const now = compiled('now', resolve('native'), program);
  const rows = execFileSync(now, { encoding: 'utf8' })
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  console.log(`| | ${before} | now | |\n|---|---|---|---|`);
  let isWorse = false;
  for (const [what, units] of rows) {
    const [was, is] = [old, now].map((program) => instructions(program, what, Number(units)));
    isWorse ||= is / was > RATIO_MAX;
    console.log(`| ${what} | ${was.toFixed(1)} | ${is.toFixed(1)} | ${((is / was - 1) * 100).toFixed(1)} % |`);
  }
  return isWorse ? 1 : 0;
}

/** Files had other folders in older commits. */
function withNamesOnly(source) {
  return source.replace(/^#include "(?:\w+\/)+/gm, '#include "');
}

/** As the addon is compiled. */
function compiled(name, native, program) {
  const files = ['core', 'test'].flatMap((folder) =>
    readdirSync(join(native, folder), { recursive: true }).map((file) => join(native, folder, file)),
  );
  const sources = files.filter((file) => file.startsWith(join(native, 'core')) && file.endsWith('.cpp'));
  const folders = new Set(files.filter((file) => file.endsWith('.hpp')).map(dirname));
  const includes = [program, native, ...folders].map((folder) => `-I${folder}`);
  const flags = execFileSync('sh', ['native/flags.sh'], { encoding: 'utf8' }).trim().split(/\s+/);
  const out = join(scratch, name);
  const objects = join(scratch, `${name}-objects`);
  mkdirSync(objects);
  const compile = ['-n1', `-P${availableParallelism()}`, 'g++', '-std=c++20', '-w', ...flags, ...includes, '-c'];
  execFileSync('xargs', compile, { input: [...sources, join(program, 'count_one.cpp')].join('\n'), cwd: objects });
  execFileSync('g++', [...flags, ...readdirSync(objects).map((file) => join(objects, file)), '-pthread', '-o', out]);
  return out;
}

/** Of one unit: what three rounds cost beyond one. */
function instructions(program, what, units) {
  const [once, thrice] = [1, 3].map((rounds) => {
    const { stderr } = spawnSync('valgrind', ['--tool=callgrind', '--callgrind-out-file=/dev/null', program, what, String(rounds)], {
      encoding: 'utf8',
    });
    const counted = /Collected : (\d+)/.exec(stderr)?.[1];
    if (counted === undefined) throw new Error(`valgrind counted nothing:\n${stderr}`);
    return Number(counted);
  });
  return (thrice - once) / (2 * units);
}
