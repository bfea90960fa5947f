import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compareSizes } from '../../../../src/commands/scale/command.ts';
import { parseScaleOptions, type RawScaleOptions } from '../../../../src/commands/scale/options.ts';
import type { ScaleResult, ScaleSize } from '../../../../src/commands/scale/result.ts';
import { EXIT, FanoutError } from '../../../../src/errors.ts';
import { readMachine } from '../../../../src/options/machine.ts';
import { commandHost, NOTHING_TO_OPEN } from '../../../helpers/command-host.ts';
import { lossy, scaleOf, sizeOf } from '../../../helpers/scale.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fanout-scale-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function compare(raw: RawScaleOptions, result: ScaleResult | FanoutError) {
  const { host, written } = commandHost();
  const options = parseScaleOptions({ procs: '1,2', ...raw }, readMachine(), [0, 1]);
  const status = await compareSizes(options, host, NOTHING_TO_OPEN, async ({ onSize }) => {
    onSize(1, 0);
    onSize(2, 1);
    if (result instanceof FanoutError) throw result;
    return result;
  });
  return { status, ...written };
}

const doubted = (code: string): ScaleSize => sizeOf(2, { answer: 'inconclusive', doubts: [{ code, message: 'x' }] });

test.each<[string, readonly ScaleSize[], number]>([
  ['all measured', [sizeOf(1), sizeOf(2)], EXIT.yes],
  ['a group of one, which proves nothing', [doubted('one-process')], EXIT.yes],
  ['packets lost, which is a figure', [lossy(2, 40)], EXIT.yes],
  ['flows split, which is a figure', [sizeOf(2, { answer: 'no', doubts: [{ code: 'lb-by-design', message: 'x' }] })], EXIT.yes],
  ['a size that could not be', [sizeOf(1), { procs: 2, error: { code: 'TOO_LARGE', message: 'x' } }], EXIT.inconclusive],
  ['packets that do not add up', [sizeOf(1), doubted('accounting-mismatch')], EXIT.inconclusive],
  ['a process that was lost', [doubted('lost-member')], EXIT.inconclusive],
  ['an early end', [doubted('interrupted')], EXIT.inconclusive],
])('exit status: %s', async (_, sizes, status) => {
  expect((await compare({}, scaleOf(sizes))).status).toBe(status);
});

test('progress goes to standard error, the text to standard output', async () => {
  const { stdout, stderr } = await compare({}, scaleOf([sizeOf(1)]));
  expect(stderr).toBe('measuring 1 process (1 of 2)\nmeasuring 2 processes (2 of 2)\n');
  expect(stdout).toMatch(/^mode hash, .*\n[\s\S]*procs {2}start/);
});

test('with --json nothing but the document is on standard output', async () => {
  const result = scaleOf([sizeOf(1)]);
  const { stdout, stderr } = await compare({ json: true, quiet: true }, result);
  expect([JSON.parse(stdout), stderr]).toEqual([result, '']);
});

test('a file has the document, and nothing is left of it after a failure', async () => {
  const path = join(directory, 'scale.json');
  const result = scaleOf([sizeOf(1)]);
  await compare({ json: path }, result);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(result);
  rmSync(path);
  await expect(compare({ json: path }, new FanoutError('INTERRUPTED', 'ended', 'again'))).rejects.toThrow('ended');
  expect(readdirSync(directory)).toEqual([]);
});
