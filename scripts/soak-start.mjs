// npm run soak:start [starts]: the long form of test/kernel/start.test.ts, in a network namespace of its own.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { build } from 'esbuild';

const PROGRAM = 'test-results/soak-start.mjs';
mkdirSync('test-results', { recursive: true });
await build({
  entryPoints: ['test/helpers/soak-start.ts'],
  outfile: PROGRAM,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  external: ['esbuild', 'vitest'],
  banner: { js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" },
});
const root = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
const { status } = spawnSync('unshare', [...root, '--net', '--', process.execPath, PROGRAM, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exitCode = status ?? 70;
