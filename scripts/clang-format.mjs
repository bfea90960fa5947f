// Native code is as .clang-format says: `node scripts/clang-format.mjs` checks it, with --write makes it so.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Other releases break some lines elsewhere. */
const RELEASE = 14;

const found = spawnSync('clang-format', ['--version'], { encoding: 'utf8' });
if (found.error !== undefined) {
  console.error(
    `clang-format does not start (${found.error.code}): install release ${RELEASE} of it, on Debian 12 by \`apt install clang-format\``,
  );
  process.exit(1);
}
const release = Number(/version (\d+)/.exec(found.stdout)?.[1]);
if (release !== RELEASE)
  console.error(`clang-format is release ${release}, and native code is formatted by ${RELEASE}: what it says may be another opinion`);

const sources = readdirSync('native', { recursive: true }).filter((name) => !name.startsWith('build/') && /\.[ch]pp$/.test(name));
const how = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '-Werror'];
const { status } = spawnSync('clang-format', [...how, ...sources.map((name) => join('native', name))], { stdio: 'inherit' });
if (status !== 0) console.error('`npm run format` mends this');
process.exitCode = status ?? 1;
