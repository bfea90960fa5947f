// npm run simulate [-- --seed N | --seeds N [--from N] [--first]]: the real collector in a simulated world; docs/testing.md.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { bundleSimulation } from './simulation-bundle.mjs';

const PROGRAM = 'test-results/simulate.mjs';
mkdirSync('test-results', { recursive: true });
await bundleSimulation(PROGRAM);
const { status } = spawnSync(process.execPath, ['--enable-source-maps', PROGRAM, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 70;
