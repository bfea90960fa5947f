// The command line and the worker: loading one file each is what keeps the start of N processes short.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

const DIST = 'dist';
const EXECUTABLE = join(DIST, 'cli.js');

const common = {
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node20.19',
  sourcemap: 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
  metafile: true,
  outdir: DIST,
};

const commandLine = {
  ...common,
  entryPoints: { cli: 'src/start.ts' },
  format: 'esm',
  splitting: true,
  chunkNames: 'chunk-[hash]',
  // Some bundled CommonJS packages call require() for node's own modules.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};

// CommonJS starts a few milliseconds faster, and N workers start on few CPUs.
const worker = {
  ...common,
  entryPoints: { worker: 'src/worker/main.ts' },
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.url': '__moduleUrl' },
  banner: { js: "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
};

/** What dist/ holds when it is what src/ gives: contents by path. */
async function bundles() {
  const results = await Promise.all([build(commandLine), build(worker)]);
  const files = results.flatMap(({ outputFiles }) => outputFiles.map(({ path, contents }) => [relative('.', path), Buffer.from(contents)]));
  return new Map([...files, [join(DIST, 'THIRD-PARTY-LICENSES.txt'), Buffer.from(licensesOf(results))]]);
}

export async function writeBundles() {
  const files = await bundles();
  rmSync(DIST, { recursive: true, force: true });
  for (const [path, contents] of files) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents, { mode: path === EXECUTABLE ? 0o755 : 0o644 });
  }
}

/** The files of dist/ that are not what src/ gives. */
export async function staleBundles() {
  const files = await bundles();
  return [...files.keys()].filter((path) => !path.endsWith('.map') && !isSame(path, files.get(path)));
}

function isSame(path, contents) {
  try {
    return readFileSync(path).equals(contents);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/** What is bundled is passed on, and with it what its authors ask to be passed on. */
function licensesOf(results) {
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const folders = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []));
  return [...folders]
    .sort()
    .map(licenseOf)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function licenseOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(?:\.\w+)?$/i.test(entry));
  if (file === undefined) throw new Error(`${name} ${version} has no file with its licence`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
}
