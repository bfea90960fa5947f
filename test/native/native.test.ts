import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

const native = fileURLToPath(new URL('../../native', import.meta.url));
// A first run compiles everything; later ones only what changed.
const timeoutMs = 300_000;

// The output of a failing target is the message: it names the check, the seed and the line.
async function make(directory: string, target: string, jobs = 1): Promise<string> {
  const { failed, all } = await execa('make', ['--no-print-directory', `--jobs=${jobs}`, '-C', `${native}/${directory}`, target], {
    all: true,
    reject: false,
    timeout: timeoutMs,
  });
  if (failed) throw new Error(`make ${target} failed in native/${directory}:\n${all}`);
  return all;
}

/** Compiles on all cores, then runs one after the other. */
async function makeAndRun(directory: string, programs: string, target: string): Promise<string> {
  await make(directory, programs, availableParallelism());
  return make(directory, target);
}

// One after the other: all of them write to native/build.
describe.sequential('native core', () => {
  test('unit tests under the address and undefined-behaviour sanitizers; headers compile alone', { timeout: timeoutMs }, async () => {
    expect(await makeAndRun('test', 'programs-asan', 'check')).toMatch(/asan test_dissect\n\d+ cases, 0 failed checks/);
  });

  test('unit tests of what has threads under the thread sanitizer', { timeout: timeoutMs }, async () => {
    expect(await makeAndRun('test', 'programs-threaded', 'check-tsan')).toMatch(/tsan test_capture\n\d+ cases, 0 failed checks/);
  });

  test('every fuzz corpus replays without a finding', { timeout: timeoutMs }, async () => {
    expect(await makeAndRun('fuzz', 'programs', 'replay')).toMatch(/[1-9]\d* inputs replayed/);
  });
});
