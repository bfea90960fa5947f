// A program of test/helpers, bundled, in a network namespace of its own: node scripts/private.mjs NAME [arguments].
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const [name, ...rest] = process.argv.slice(2);
// As deep as the helpers: they look for the package from where they are.
const PROGRAM = `test-results/programs/${name}.mjs`;
await build({
  entryPoints: [`test/helpers/${name}.ts`],
  outfile: PROGRAM,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  external: ['esbuild', 'vitest'],
  banner: { js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" },
});
const root = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
const { status } = spawnSync('unshare', [...root, '--net', '--', process.execPath, PROGRAM, ...rest], { stdio: 'inherit' });
process.exitCode = status ?? 70;
