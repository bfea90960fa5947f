// npm run reproducible: builds the addon in two directories with nothing in common, and compares the results byte by byte.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SOURCES = ['package.json', 'binding.gyp', 'native/flags.sh', 'native/core', 'native/lab', 'native/host', 'native/binding'];
const scratch = mkdtempSync(join(tmpdir(), 'fanout-reproducible-'));
try {
  const [one, other] = ['a', 'somewhere/else/and/deeper'].map((name) => builtIn(join(scratch, name)));
  console.log(`${one}\n${other}`);
  process.exitCode = one === other ? 0 : 1;
  console.log(one === other ? 'the same' : 'NOT the same');
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function builtIn(directory) {
  mkdirSync(directory, { recursive: true });
  for (const path of SOURCES) cpSync(path, join(directory, path), { recursive: true });
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  execFileSync('npx', ['--no-install', 'node-gyp', 'configure', 'build', '--jobs=max'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return createHash('sha256')
    .update(readFileSync(join(directory, 'build/Release/fanout.node')))
    .digest('hex');
}
