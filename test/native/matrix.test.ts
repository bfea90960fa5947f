/** The order of a survey: what is kept of it when one of its runs cannot be made, and how its end is told. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { HOST_CLOCK } from '../../src/collector/group/clock.ts';
import type { RunCluster } from '../../src/collector/run/io.ts';
import { ignoreReasonOf } from '../../src/collector/verdict/accounting.ts';
import { survey } from '../../src/commands/matrix/command.ts';
import { runMatrix } from '../../src/commands/matrix/matrix.ts';
import { parseMatrixOptions, type RawMatrixOptions } from '../../src/commands/matrix/options.ts';
import { FanoutError } from '../../src/errors.ts';
import type { RunFacts } from '../../src/model/run-facts.ts';
import { readMachine } from '../../src/options/machine.ts';
import type { Options } from '../../src/options/options.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { commandHost, NOTHING_TO_OPEN } from '../helpers/command-host.ts';
import { epoch, evidenceOf } from '../helpers/evidence.ts';
import { kept, observedOf, truthOf } from '../helpers/matrix.ts';
import { resultOf } from '../helpers/run-result.ts';
import { framesOf } from '../helpers/traffic.ts';

const FLOWS = Array.from({ length: 40 }, (_, id) => id);

/** A run in which every flow is kept, unless something else is said of its mode. */
function running(other: Partial<Record<string, Error | Partial<RunFacts>>> = {}): RunCluster {
  return async ({ mode, flags }: Options, { onObserved }) => {
    const change = other[[mode, ...flags].join('+')] ?? {};
    if (change instanceof Error) throw change;
    const truth = FLOWS.map((id) => truthOf(id, 'ipv4-udp'));
    onObserved?.(
      observedOf(
        FLOWS.map((id) => kept(id, id % 2)),
        truth,
        { mode, flags, ...change },
      ),
    );
    return resultOf(evidenceOf([epoch([20, 20])]), { mode, flags, ...change });
  };
}

async function surveyWith(raw: RawMatrixOptions, runCluster: RunCluster, signal?: AbortSignal) {
  const { host, written } = commandHost(signal === undefined ? {} : { signal });
  const options = parseMatrixOptions({ classes: 'ipv4-udp', modes: 'hash,rnd', ...raw }, readMachine());
  const status = await survey(options, host, NOTHING_TO_OPEN, (io) => runMatrix(options, { ...io, clock: HOST_CLOCK }, runCluster));
  return { status, ...written };
}

const refused = new FanoutError('GROUP_REFUSED', 'kernel refused member 0', 'update the kernel');

describe('the end of a survey', () => {
  test('0 if all of it was measured, whatever the answers are', async () => {
    const { status, stdout, stderr } = await surveyWith({}, running());
    expect(status).toBe(0);
    expect(stdout).toContain('class');
    expect(stderr).toBe('measuring hash (1 of 2)\nmeasuring rnd (2 of 2)\n');
  });

  test('3 if packets were lost in one mode: its cells are doubtful, the others stand', async () => {
    const packets = { captured: 320, judged: 320, dropped: 3, overflowed: 0, outgoing: 0, ignored: {} };
    const { status, stdout } = await surveyWith({ json: true }, running({ rnd: { packets } }));
    expect(status).toBe(3);
    const { cells, runs } = JSON.parse(stdout);
    expect(cells).toMatchObject([
      { mode: 'hash', answer: 'yes' },
      { mode: 'rnd', answer: 'inconclusive', outcome: 'doubtful', reason: 'loss' },
    ]);
    expect(runs[1].doubts).toMatchObject([{ code: 'loss' }]);
  });

  test('3 if a mode could not be run: its cells say so, what was gathered is not lost', async () => {
    const { status, stdout } = await surveyWith({ json: true }, running({ hash: refused }));
    const { cells, runs } = JSON.parse(stdout);
    expect(status).toBe(3);
    expect(cells).toMatchObject([
      { mode: 'hash', answer: 'inconclusive', reason: 'GROUP_REFUSED' },
      { mode: 'rnd', flows: 40 },
    ]);
    expect(runs[0].doubts).toEqual([{ code: 'GROUP_REFUSED', message: refused.message, remedy: refused.remedy }]);
    expect((await surveyWith({}, running({ hash: refused }))).stdout).toContain('hash: not run\n  GROUP_REFUSED: kernel refused member 0');
  });

  test('the error itself if no mode could be run', async () => {
    await expect(surveyWith({}, running({ hash: refused, rnd: refused }))).rejects.toBe(refused);
  });

  test('a defect is no doubt: it ends the survey', async () => {
    await expect(surveyWith({}, running({ rnd: new TypeError('oops') }))).rejects.toThrow(TypeError);
  });

  test('a signal leaves the modes that were measured', async () => {
    const interrupt = new AbortController();
    const first: RunCluster = async (options, io) => {
      const result = await running()(options, io);
      interrupt.abort();
      return result;
    };
    const { status, stdout } = await surveyWith({ json: true }, first, interrupt.signal);
    expect(status).toBe(3);
    expect(JSON.parse(stdout).cells).toMatchObject([{ answer: 'yes' }, { answer: 'inconclusive', reason: 'interrupted', flows: 0 }]);
  });

  test('a signal before anything was measured', async () => {
    await expect(surveyWith({}, running(), AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test('packets that are in no flow of their class are a doubt, although the run adds up', async () => {
    const losing: RunCluster = (options, io) =>
      running()(options, { ...io, onObserved: (seen) => io.onObserved?.({ ...seen, flows: seen.flows.slice(1) }) });
    const { status, stdout } = await surveyWith({}, losing);
    expect(status).toBe(3);
    expect(stdout).toMatch(/hash: accounting-mismatch: packets of 1 of 1 classes \(ipv4-udp\)/);
  });
});

describe('its output', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fanout-matrix-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('to a file and as text', async () => {
    const path = join(directory, 'matrix.json');
    const { stdout } = await surveyWith({ json: path }, running());
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ schema: 'fanout-cluster/matrix@1', flowsPerClass: 96, procs: 8 });
    expect(stdout).toContain('hash: promises');
  });

  test('no file if there is nothing to write', async () => {
    await expect(surveyWith({ json: join(directory, 'matrix.json') }, running({ hash: refused, rnd: refused }))).rejects.toBe(refused);
    expect(readdirSync(directory)).toEqual([]);
  });

  test('--quiet: the conclusions only', async () => {
    const { stdout, stderr } = await surveyWith({ quiet: true }, running());
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^hash: /);
    expect(stdout).not.toContain('ipv4-udp  ');
  });
});

test('classes without a flow are told apart by how workers count their frames', () => {
  const names = TRAFFIC_CLASSES.filter(({ flow }) => flow === undefined).map(({ name }) => name);
  const reasons = names.map((name) => {
    const frames = framesOf(generateTraffic({ seed: 1, classes: [name], flows: 4, packetsPerFlow: 12 }));
    return new Set(frames.map((frame) => ignoreReasonOf(native.dissectFrame(frame))));
  });
  expect(reasons.filter(({ size }) => size !== 1)).toEqual([]);
  expect(new Set(reasons.flatMap((set) => [...set])).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(6);
});
