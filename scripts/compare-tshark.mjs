// npm run compare:tshark [-- FILES]: the dissector's flows beside Wireshark's, packet by packet; docs/testing.md.
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const PROGRAM = 'test-results/programs/compare-tshark.mjs';
await build({
  entryPoints: ['test/helpers/compare-tshark.ts'],
  outfile: PROGRAM,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  external: ['esbuild', 'vitest'],
  banner: { js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" },
});
const { status } = spawnSync(process.execPath, [PROGRAM, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 70;
