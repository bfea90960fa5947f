// npm run figures -- balance 15 | flood plain|tunnels FORGED... | memory: figures of the built-in programs (native/test/steering_figures.cpp), as
// JSON, measured in a network namespace of their own. Needs root. What they cost is a part of the bench: npm run bench -- --only steering.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const native = fileURLToPath(new URL('../native', import.meta.url));
const run = (file, args) => spawnSync(file, args, { stdio: 'inherit' }).status ?? 1;

const built = run('make', ['--silent', '--jobs=2', '-C', `${native}/test`, 'figures']);
const program = `${native}/build/plain/steering_figures`;
process.exitCode = built === 0 ? run('unshare', ['--net', '--mount', '--', program, ...process.argv.slice(2)]) : built;
