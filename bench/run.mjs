// `npm run bench`: builds the reference programs, bundles the runner and starts it where it can do no harm: in a network, mount and
// process namespace of its own. Everything that it starts dies with it, and no interface of the host is visible from there.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const CANNOT_RUN = 4;

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) console.error(`bench: ${command}: ${error.message}`);
  return status ?? CANNOT_RUN;
}

if (run('make', ['--silent', '--directory', here]) !== 0) process.exit(CANNOT_RUN);
if (!process.argv.includes('--only') || process.argv.some((word) => word.includes('steering')))
  run('make', ['--silent', '--jobs=2', '--directory', `${here}/../native/test`, 'figures']);

await build({
  entryPoints: { run: `${here}/run.ts`, collector: `${here}/collector.ts` },
  outdir: `${here}/build`,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  external: ['msgpackr'],
  logLevel: 'warning',
});

const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const asRoot = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
process.exitCode = run('unshare', [...asRoot, ...namespaces, process.execPath, `${here}/build/run.mjs`, ...process.argv.slice(2)]);
