import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderJson } from '../../../../src/collector/report/json.ts';
import type { RunCluster } from '../../../../src/collector/run/io.ts';
import { run } from '../../../../src/commands/run/command.ts';
import { EXIT, FanoutError } from '../../../../src/errors.ts';
import type { RunResult } from '../../../../src/model/run-result.ts';
import { readMachine } from '../../../../src/options/machine.ts';
import { parseOptions } from '../../../../src/options/options.ts';
import type { RawOptions } from '../../../../src/options/table.ts';
import type { Host } from '../../../../src/process/host.ts';
import { NOTHING_TO_OPEN, OPENS_NOTHING } from '../../../helpers/command-host.ts';
import { epoch, evidenceOf, group } from '../../../helpers/evidence.ts';
import { resultOf } from '../../../helpers/run-result.ts';
import { SimulatedClock } from '../../../simulation/clock.ts';

const yes = resultOf(evidenceOf([epoch([61, 60])]));
const no = resultOf(evidenceOf([epoch([61, 60])], [group()]));
const inconclusive = resultOf(evidenceOf([epoch([1, 1])]));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fanout-run-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const provisioning = () => NOTHING_TO_OPEN;

/** A process whose streams are strings. */
function recordingHost(isTerminal = false, environment: Host['environment'] = {}) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTerminal,
    columns: () => 100,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const host: Host = {
    version: '0.1.0',
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    environment,
    signal: new AbortController().signal,
    enterLab: async () => {},
    ...OPENS_NOTHING,
  };
  return { host, written };
}

/** A collector that shows progress once and ends with a result that is known. */
function endingWith(result: RunResult): RunCluster {
  return (_, { onProgress }) => {
    onProgress({ phase: 'capturing', elapsedMs: 0, packets: 1, packetsPerSecond: 1, flows: 1, perMemberPackets: [1, 0], drops: 0 });
    return Promise.resolve(result);
  };
}

async function runWith(raw: RawOptions, result: RunResult, isTerminal = false, environment: Host['environment'] = {}) {
  const { host, written } = recordingHost(isTerminal, environment);
  const status = await run(parseOptions({ procs: '2', ...raw }, readMachine()), host, {
    runCluster: endingWith(result),
    provisioning,
    clock: new SimulatedClock(),
  });
  return { status, ...written };
}

test.each([
  [yes, EXIT.yes, 'YES!'],
  [no, EXIT.no, 'NO'],
  [inconclusive, EXIT.inconclusive, 'INCONCLUSIVE'],
])('the verdict is the exit status and the last line', async (result, expected, word) => {
  const { status, stdout } = await runWith({}, result);
  expect(status).toBe(expected);
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`^${word}`));
});

describe('streams', () => {
  test('with --json nothing but the document is on standard output', async () => {
    const { stdout, stderr } = await runWith({ json: true }, yes, true);
    expect(stdout).toBe(renderJson(yes));
    expect(stderr).toContain('capturing');
  });

  test('with --quiet only the answer and why', async () => {
    const { stdout, stderr } = await runWith({ quiet: true }, no);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^No: hash split 3 of 124 flows: .*\nhash-asymmetric: .*\nNO: [^\n]*\n$/s);
    expect(stdout).not.toContain('Distribution');
  });

  test('with a file both the document and the text', async () => {
    const path = join(directory, 'run.json');
    const { stdout } = await runWith({ json: path }, yes);
    expect(readFileSync(path, 'utf8')).toBe(renderJson(yes));
    expect(stdout).toContain('YES!');
  });

  test.each([
    ['a terminal', {}, true, {}, true],
    ['no terminal', {}, false, {}, false],
    ['--no-color', { color: false }, true, {}, false],
    ['NO_COLOR', {}, true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', {}, true, { NO_COLOR: '' }, true],
    ['a dumb terminal', {}, true, { TERM: 'dumb' }, false],
  ])('colours: %s', async (_, raw, isTerminal, environment, colored) => {
    expect((await runWith(raw, yes, isTerminal, environment)).stdout.includes('\u001b[32m')).toBe(colored);
  });
});

describe('the file of the report', () => {
  const never: RunCluster = () => Promise.reject(new Error('must not start'));
  const options = (json: string) => parseOptions({ procs: '2', json }, readMachine());

  test('a path that cannot be written is found before anything starts', async () => {
    const path = join(directory, 'nowhere', 'run.json');
    await expect(
      run(options(path), recordingHost().host, { runCluster: never, provisioning, clock: new SimulatedClock() }),
    ).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
    });
  });

  test('a run that fails leaves no file behind', async () => {
    const failing: RunCluster = () => Promise.reject(new FanoutError('NO_PRIVILEGE', 'no', 'none'));
    const path = join(directory, 'run.json');
    await expect(
      run(options(path), recordingHost().host, { runCluster: failing, provisioning, clock: new SimulatedClock() }),
    ).rejects.toMatchObject({
      code: 'NO_PRIVILEGE',
    });
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
  });
});
