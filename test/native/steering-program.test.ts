/** The committed programs are what their sources say. */
import { execFileSync, spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { program, type Requirement, testWith } from '../helpers/requirements.ts';

/** Another compiler makes other code of the same sources. */
function compiler(): Requirement | undefined {
  const missing = program('clang') ?? program('llvm-objcopy', 'llvm');
  if (missing !== undefined) return missing;
  const isTheOne = execFileSync('clang', ['--version'], { encoding: 'utf8' }).includes('clang version 14.');
  return isTheOne ? undefined : { reason: 'clang is not of version 14', remedy: 'apt-get install clang-14 (Debian 12)' };
}

testWith([compiler()], 'what is committed is what clang makes of native/steering', {}, () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/steering.mjs', '--check'], { cwd: packageRoot(), encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
});
