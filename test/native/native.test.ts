import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';

const native = fileURLToPath(new URL('../../native', import.meta.url));
const sourcesOf = (directory: string, prefix: string): readonly string[] =>
  readdirSync(`${native}/${directory}`).filter((name) => name.startsWith(prefix) && name.endsWith('.cpp'));
// A first run compiles everything; later ones only what changed.
const timeoutMs = 300_000;

// The output of a failing target is the message: it names the check, the seed and the line.
async function make(directory: string, target: string, jobs: number): Promise<string> {
  const { failed, all } = await execa('make', ['--no-print-directory', `--jobs=${jobs}`, '-C', `${native}/${directory}`, target], {
    all: true,
    reject: false,
    timeout: timeoutMs,
  });
  if (failed) throw new Error(`make ${target} failed in native/${directory}:\n${all}`);
  return all;
}

beforeAll(() => make('.', 'programs', availableParallelism()), timeoutMs);

// All at once, as nothing is left to be written to native/build: some mostly wait, and the others need not wait for them.
describe.concurrent('native core', () => {
  test('unit tests under the address and undefined-behaviour sanitizers; headers compile alone', { timeout: timeoutMs }, async () => {
    const output = await make('test', 'check', 2);
    expect(output.match(/^[1-9]\d* cases, 0 failed checks$/gm)).toHaveLength(sourcesOf('test', 'test_').length);
  });

  test('unit tests of what has threads under the thread sanitizer', { timeout: timeoutMs }, async () => {
    expect(await make('test', 'check-tsan', 1)).toMatch(/tsan test_capture\n\d+ cases, 0 failed checks/);
  });

  test('every fuzz corpus replays without a finding', { timeout: timeoutMs }, async () => {
    const output = await make('fuzz', 'replay', 1);
    expect(output.match(/^[1-9]\d* inputs replayed$/gm)).toHaveLength(sourcesOf('fuzz', 'fuzz_').length);
  });
});
