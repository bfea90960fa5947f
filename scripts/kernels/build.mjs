// Builds kernels for user-mode Linux from Debian's sources with patches of our own, so that what a kernel does and what its release says differ.
// Source trees and finished kernels stay in the cache folder: a second kernel of the same source compiles only what its patches change.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { cacheFolder, run, unpacked } from './packages.mjs';

const OURS = join(import.meta.dirname, 'source');
/** With one CPU for itself it is 5 minutes; beside other work on two, more than 20. */
const BUILD_MS_MAX = 3_600_000;
const UNFINISHED = '.unfinished';
/** Every process of a build holds it. */
const LOCK = '.lock';
const TOOLS = ['make', 'gcc', 'flex', 'bison', 'bc', 'patch', 'xz', 'flock'];

/**
 * @param kernel of kernels/table.mjs, with `build`: the package of the source, patches in source/
 * @param tell is told what takes long
 * @returns the program, which is built if it is not there yet, or what it is made of has changed
 */
export function built({ name, suite, build }, tell = () => {}) {
  const source = unpacked({ package: build.source, suite });
  const patches = build.patches.map((patch) => readFileSync(join(OURS, `${patch}.patch`), 'utf8'));
  const config = readFileSync(join(OURS, 'config'), 'utf8');
  const version = readFileSync(join(source, '.complete'), 'utf8').replace(/_all\.deb\n$/, '');
  const made = JSON.stringify({ version, config, patches });
  const folder = join(cacheFolder(), 'built', name);
  const [linux, madeOf] = [join(folder, 'linux'), join(folder, 'made-of')];
  const digest = createHash('sha256').update(made).digest('hex');
  if (existsSync(madeOf) && readFileSync(madeOf, 'utf8') === digest) return linux;
  demandTools();
  const begun = performance.now();
  const tree = treeOf(source, build.source, version);
  // What a build that was ended has started may still compile.
  run('flock', [join(tree, LOCK), 'true'], { timeout: BUILD_MS_MAX });
  restore(tree);
  for (const [i, text] of patches.entries()) applyPatch(tree, `${build.patches[i]}.patch`, text, version);
  configure(tree, config);
  make(tree, ['linux']);
  mkdirSync(folder, { recursive: true });
  rmSync(madeOf, { force: true });
  copyFileSync(join(tree, 'linux'), linux);
  writeFileSync(madeOf, digest);
  tell(`${name}: built of ${version} in ${Math.round((performance.now() - begun) / 1000)} s`);
  return linux;
}

/** make(1) would say so in the middle of its work. */
function demandTools() {
  const folders = (process.env.PATH ?? '').split(':');
  const missing = TOOLS.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  if (missing.length > 0) throw new Error(`a kernel cannot be built without ${missing.join(', ')}; install the packages with these names`);
}

/** The tree of a package as it was unpacked, or as the last build left it. */
function treeOf(source, name, version) {
  const tree = join(cacheFolder(), 'trees', version);
  if (existsSync(tree)) return tree;
  const unfinished = `${tree}${UNFINISHED}`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  run('tar', ['-xJf', join(source, 'usr/src', `${name}.tar.xz`), '--strip-components=1', '-C', unfinished]);
  renameSync(unfinished, tree);
  return tree;
}

/** A build may have been ended between any two of its steps; the copies that applyPatch() made are whole. */
export function restore(tree) {
  const folder = join(tree, '.pristine');
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const copy = join(entry.parentPath, entry.name);
    if (!entry.isFile() || copy.endsWith(UNFINISHED)) continue;
    const file = join(tree, relative(folder, copy));
    // What did not change keeps its time, and is not compiled again.
    if (!readFileSync(copy).equals(readFileSync(file))) copyFileSync(copy, file);
  }
}

/** Where a patch finds its lines a little elsewhere it is as good; lines that differ are another kernel. */
export function applyPatch(tree, name, text, version) {
  for (const file of filesOf(text)) keepPristine(tree, file, { name, version });
  try {
    run('patch', ['--strip=1', '--fuzz=0', '--forward', '--batch', '--no-backup-if-mismatch', '--reject-file=-'], {
      cwd: tree,
      input: text,
    });
  } catch (error) {
    throw new Error(`${name} does not apply to ${version}: ${error.message}\nwrite it anew for this version in ${OURS}`);
  }
}

function keepPristine(tree, file, { name, version }) {
  const copy = join(tree, '.pristine', file);
  if (existsSync(copy)) return;
  if (!existsSync(join(tree, file))) throw new Error(`${name} does not apply to ${version}, which has no ${file}`);
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(join(tree, file), `${copy}${UNFINISHED}`);
  renameSync(`${copy}${UNFINISHED}`, copy);
}

function filesOf(patch) {
  return [...patch.matchAll(/^\+\+\+ b\/(\S+)/gm)].map(([, file]) => file);
}

/** Nothing but what is wanted, and all of that: a kernel that lacks an option would fail later, and say less. */
function configure(tree, config) {
  const wanted = join(tree, '.wanted');
  if (existsSync(wanted) && readFileSync(wanted, 'utf8') === config) return;
  const file = join(tree, '.all');
  writeFileSync(file, config);
  make(tree, [`KCONFIG_ALLCONFIG=${file}`, 'allnoconfig']);
  const given = new Set(readFileSync(join(tree, '.config'), 'utf8').split('\n'));
  const lacking = config.split('\n').filter((line) => /^CONFIG_/.test(line) && !given.has(line));
  if (lacking.length > 0) throw new Error(`${tree} has no place for ${lacking.join(', ')}: see ${join(OURS, 'config')}`);
  writeFileSync(wanted, config);
}

function make(tree, words) {
  run('flock', [join(tree, LOCK), 'nice', '-n', '19', 'make', '-s', `-j${availableParallelism()}`, 'ARCH=um', ...words], {
    cwd: tree,
    timeout: BUILD_MS_MAX,
  });
}
