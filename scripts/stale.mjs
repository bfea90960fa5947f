// Refuses to test a build that is older than the sources: vitest calls setup() before the tests of every project that uses dist/ or the addon.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { staleBundles } from './bundles.mjs';

const REMEDY = 'build first: npm run build';
const ADDON = 'build/Release/fanout.node';
/** Written by the compiler: the files that each object was made from. */
const DEPENDENCIES = 'build/Release/.deps';

export async function setup() {
  // A copy of the tree that scripts/coverage.mjs changed on purpose.
  if (process.env.FANOUT_TEST_BUILD === 'changed') return;
  const why = (await staleBundle()) ?? staleAddon();
  if (why !== undefined) throw new Error(`${why}; ${REMEDY}`);
}

async function staleBundle() {
  const [first, ...others] = await staleBundles();
  if (first === undefined) return undefined;
  return `${first} ${others.length > 0 ? `and ${others.length} more are` : 'is'} not what src/ gives now`;
}

function staleAddon() {
  if (!existsSync(ADDON)) return `there is no ${ADDON}`;
  const built = statSync(ADDON).mtimeMs;
  const newer = addonSources().find((path) => statSync(path).mtimeMs > built);
  return newer === undefined ? undefined : `${newer} is newer than ${ADDON}`;
}

/** A file that was moved may still be named by what the compiler wrote before. */
function addonSources() {
  const written = readdirSync(DEPENDENCIES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d'));
  const named = written.flatMap((name) => readFileSync(join(DEPENDENCIES, name), 'utf8').match(/\bnative\/[\w/]+\.[ch]pp\b/g) ?? []);
  return ['binding.gyp', 'native/flags.sh', ...new Set(named)].filter((path) => existsSync(path));
}
