import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

const native = fileURLToPath(new URL('../../native', import.meta.url));
// A first run compiles everything; later ones only what changed.
const timeoutMs = 300_000;

// The output of a failing target is the message: it names the check, the seed and the line.
async function make(directory: string, target: string): Promise<string> {
  const { failed, all } = await execa('make', ['--no-print-directory', '-C', `${native}/${directory}`, target], {
    all: true,
    reject: false,
    timeout: timeoutMs,
  });
  if (failed) throw new Error(`make ${target} failed in native/${directory}:\n${all}`);
  return all;
}

// One after the other: all of them write to native/build, and a compiler for each core is enough.
describe.sequential('native core', () => {
  test('unit tests under the address and undefined-behaviour sanitizers; headers compile alone', { timeout: timeoutMs }, async () => {
    expect(await make('test', 'check')).toMatch(/asan test_dissect\n\d+ cases, 0 failed checks/);
  });

  test('unit tests under the thread sanitizer', { timeout: timeoutMs }, async () => {
    expect(await make('test', 'check-tsan')).toMatch(/tsan test_dissect\n\d+ cases, 0 failed checks/);
  });

  test('every fuzz corpus replays without a finding', { timeout: timeoutMs }, async () => {
    expect(await make('fuzz', 'replay')).toMatch(/[1-9]\d* inputs replayed/);
  });
});
