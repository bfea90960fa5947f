// Kernels of other Debian releases, by apt from the mirror that this machine's own sources name, without touching them: lists and packages
// are in a folder of their own, and nothing is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const SUITES = ['bullseye', 'bookworm', 'trixie', 'trixie-backports', 'sid'];
const DOWNLOAD_MS_MAX = 300_000;

export function cacheFolder() {
  const named = process.env.FANOUT_KERNELS_CACHE;
  return named === undefined || named === '' ? join(homedir(), '.cache', 'fanout-cluster-kernels') : resolve(named);
}

/** The folder with the content of a package, which is downloaded if it is not there yet. */
export function unpacked({ package: name, suite }) {
  const folder = join(cacheFolder(), 'packages', `${name}_${suite}`);
  if (existsSync(join(folder, '.complete'))) return folder;
  rmSync(folder, { recursive: true, force: true });
  const download = join(folder, '.download');
  mkdirSync(download, { recursive: true });
  update();
  run('apt-get', [...aptOptions(), 'download', `${name}/${suite}`], { cwd: download });
  const deb = readdirSync(download).find((file) => file.endsWith('.deb'));
  if (deb === undefined) throw new Error(`apt-get downloaded no package ${name} of ${suite}`);
  run('dpkg-deb', ['-x', join(download, deb), folder]);
  rmSync(download, { recursive: true });
  writeFileSync(join(folder, '.complete'), `${deb}\n`);
  return folder;
}

/** Of all packages of a kernel. */
export function unpackedAll({ packages, suite }) {
  return packages.map((name) => unpacked({ package: name, suite }));
}

let isUpdated = false;

function update() {
  if (isUpdated) return;
  const cache = cacheFolder();
  for (const folder of ['lists/partial', 'archives/partial']) mkdirSync(join(cache, folder), { recursive: true });
  const mirror = mirrorOf(sourcesOfThisMachine());
  // A packet tester boots these kernels for a minute; who signed the lists is known to apt for this release alone.
  const lines = SUITES.map((suite) => `deb [trusted=yes] ${mirror} ${suite} main\n`);
  writeFileSync(join(cache, 'sources.list'), lines.join(''));
  run('apt-get', [...aptOptions(), 'update']);
  isUpdated = true;
}

function aptOptions() {
  const cache = cacheFolder();
  const settings = {
    'Dir::Etc::sourcelist': join(cache, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(cache, 'lists'),
    'Dir::Cache': cache,
    'APT::Sandbox::User': 'root',
  };
  return ['-qq', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
}

function sourcesOfThisMachine() {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...(existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [])];
  return files.filter((file) => existsSync(file) && /\.(?:list|sources)$/.test(file)).map((file) => readFileSync(file, 'utf8'));
}

/**
 * Where this machine gets Debian's packages from.
 * @param texts of files in either form of apt's sources: one line for each ("deb [options] URI suite component") or paragraphs ("URIs: ...")
 */
export function mirrorOf(texts) {
  const candidates = texts.flatMap((text) => [...ofLines(text), ...ofParagraphs(text)]);
  const main = candidates.find(({ suites }) => suites.some((suite) => SUITES.includes(suite)));
  if (main === undefined) throw new Error(`no apt source of this machine is of one of the suites ${SUITES.join(', ')}`);
  return main.uri;
}

function ofLines(text) {
  return text.split('\n').flatMap((line) => {
    const [, uri, suite] = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line) ?? [];
    return uri === undefined ? [] : [{ uri, suites: [suite] }];
  });
}

function ofParagraphs(text) {
  const live = text.replace(/^#.*\n?/gm, '');
  return live.split(/\n\s*\n/).flatMap((paragraph) => {
    const field = (name) => new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, 'im').exec(paragraph)?.[1]?.trim().split(/\s+/) ?? [];
    const isUsed = field('Types').includes('deb') && field('Enabled')[0]?.toLowerCase() !== 'no';
    return isUsed ? field('URIs').map((uri) => ({ uri, suites: field('Suites') })) : [];
  });
}

export function run(file, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    encoding: 'utf8',
    timeout: DOWNLOAD_MS_MAX,
    maxBuffer: 1 << 28,
    ...options,
  });
  if (status !== 0) throw new Error(`${file} ${args.at(-1)}: ${error?.message ?? `${stdout}${stderr}`.trim()}`);
  return stdout;
}
