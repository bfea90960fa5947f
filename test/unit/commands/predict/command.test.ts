import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CaptureInput } from '../../../../src/capture-file/input.ts';
import { renderJson } from '../../../../src/collector/report/json.ts';
import { type OpeningRights, OWN_RIGHTS } from '../../../../src/collector/run/provisions.ts';
import { type PredictTools, predict } from '../../../../src/commands/predict/command.ts';
import { parsePredictOptions, type RawPredictOptions } from '../../../../src/commands/predict/options.ts';
import type { RunPrediction } from '../../../../src/commands/predict/predict.ts';
import type { PredictionResult } from '../../../../src/commands/predict/result.ts';
import { EXIT, FanoutError } from '../../../../src/errors.ts';
import type { KernelModel } from '../../../../src/model/kernel-model.ts';
import type { Host } from '../../../../src/process/host.ts';
import { commandHost } from '../../../helpers/command-host.ts';
import { epoch, evidenceOf, group } from '../../../helpers/evidence.ts';
import { MACHINE } from '../../../helpers/machine.ts';
import { keptFlows, predicted } from '../../../helpers/prediction.ts';
import { SimulatedClock } from '../../../simulation/clock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fanout-predict-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const fragments = group({ oneKernelKey: false, kind: 'split', fragments: 'in-reach' });
const esp = group({ oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp' });
const kept = keptFlows(10);
const oneWay = { ...kept, flows: { ...kept.flows, twoWay: 0, oneWay: 10, consistent: 0 } };

const unfinished = (evidence: Parameters<typeof predicted>[0]): PredictionResult => ({
  ...predicted(evidence),
  warnings: [{ code: 'capture-unfinished', message: 'a signal ended the reading' }],
});

/** Nothing looks at it. */
const CAPTURE = {} as CaptureInput;

async function predictWith(
  raw: RawPredictOptions,
  result: PredictionResult | FanoutError,
  path = 'trace.pcap',
  probeKernel: PredictTools['probeKernel'] = () => undefined,
) {
  const { host: idle, written } = commandHost({ enterLab: () => Promise.reject(new Error('a prediction needs no lab')) });
  const openSecret = (): never => {
    throw new Error('nothing is written here');
  };
  const rights: OpeningRights = { ...OWN_RIGHTS, asInvoker: <T>() => Promise.resolve(CAPTURE) as T, openSecret };
  const host: Host = {
    ...idle,
    prepare: async (json, openings) => {
      const { report } = await idle.prepare(json, openings);
      return { opened: await openings.open(rights), report };
    },
  };
  let probed: KernelModel | undefined;
  const runPrediction: RunPrediction = async (request, { onProgress }) => {
    probed = request.probed;
    onProgress(1);
    if (result instanceof FanoutError) throw result;
    return result;
  };
  const status = await predict(parsePredictOptions(path, raw, MACHINE), host, { runPrediction, probeKernel, clock: new SimulatedClock() });
  return { status, probed, ...written };
}

test("this host's kernel is asked how it hashes; another one cannot be", async () => {
  const older: KernelModel = { design: { portsWithAddresses: true, readsHsr: false, pppoe: 'plain' }, bugs: { b: true, c: true, d: true } };
  expect((await predictWith({}, predicted(kept), 'trace.pcap', () => older)).probed).toEqual(older);
  expect((await predictWith({}, predicted(kept))).probed).toBeUndefined();
  const never = () => {
    throw new Error('asked');
  };
  expect((await predictWith({ kernel: '5.10.46' }, predicted(kept), 'trace.pcap', never)).probed).toBeUndefined();
});

test.each([
  ['nothing must be split', predicted(kept), EXIT.yes],
  ['only what does no harm', predicted(evidenceOf([epoch([10])], [esp])), EXIT.yes],
  ['flows must be split', predicted(evidenceOf([epoch([10])], [fragments])), EXIT.no],
  ['no other flow than those', predicted(evidenceOf([epoch([0])], [fragments])), EXIT.no],
  ['no flow at all', predicted(keptFlows(0)), EXIT.inconclusive],
  ['no flow in both directions', predicted(oneWay), EXIT.inconclusive],
  ['a file that was not read to its end', unfinished(kept), EXIT.inconclusive],
  ['the same, but a flow must be split', unfinished(evidenceOf([epoch([10])], [fragments])), EXIT.no],
  ['flows that found no room', predicted({ ...kept, untracked: { observations: 1, packets: 1 } }), EXIT.inconclusive],
])('exit status: %s', async (_, result, status) => {
  expect((await predictWith({}, result)).status).toBe(status);
});

describe('streams', () => {
  const result = predicted(evidenceOf([epoch([10])], [fragments]));

  test('with --json nothing but the document is on standard output', async () => {
    const { stdout, stderr } = await predictWith({ json: true }, result);
    expect([stdout, stderr]).toEqual([renderJson(result), '']);
  });

  test('with --quiet only the answer and why', async () => {
    const { stdout, stderr } = await predictWith({ quiet: true }, result);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^HASH must split 3 of 13 flows .*\n\nCauses\n {2}fragment-v4: /);
    expect(stdout).not.toContain('Traffic');
  });

  test('with a file both the document and the text', async () => {
    const path = join(directory, 'prediction.json');
    const { stdout } = await predictWith({ json: path }, result);
    expect(readFileSync(path, 'utf8')).toBe(renderJson(result));
    expect(stdout).toContain('To see it happen');
  });

  test('a failure leaves the file as it was', async () => {
    const path = join(directory, 'prediction.json');
    writeFileSync(path, 'earlier');
    await expect(predictWith({ json: path }, new FanoutError('BAD_CAPTURE', 'a', 'b'))).rejects.toThrow(FanoutError);
    expect([readFileSync(path, 'utf8'), readdirSync(directory)]).toEqual(['earlier', ['prediction.json']]);
  });

  test('the report does not replace the capture, by whatever name', async () => {
    const capture = join(directory, 'trace.pcap');
    const link = join(directory, 'link');
    writeFileSync(capture, 'packets');
    symlinkSync(capture, link);
    for (const json of [capture, link]) {
      await expect(predictWith({ json }, result, capture)).rejects.toMatchObject({ code: 'CONTRADICTORY_OPTIONS' });
    }
    expect(readFileSync(capture, 'utf8')).toBe('packets');
  });

  test('a path that leads nowhere is no defect: too long a name, a link to itself', async () => {
    const loop = join(directory, 'loop');
    symlinkSync(loop, loop);
    for (const json of ['a'.repeat(300), loop]) {
      await expect(predictWith({ json }, result, json)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
    }
  });
});

describe('options', () => {
  test('as typed', () => {
    expect(parsePredictOptions('-', { defrag: true, json: 'x', quiet: true, color: false }, MACHINE)).toEqual({
      path: '-',
      defrag: true,
      output: { json: { kind: 'file', path: 'x' }, quiet: true, color: false },
    });
  });

  test.each(['5.10', '5.10.46', '6.1.0-9-amd64', '5.10.0-30-amd64 #1 SMP Debian 5.10.218-1', '7.3'])('--kernel %s', (kernel) => {
    expect(parsePredictOptions('-', { kernel }, MACHINE).kernel).toBe(kernel);
  });

  test.each([
    ['latest', /uname -r/],
    ['', /uname -r/],
    ['4.4.0-38-generic', /run the lab on that kernel/],
  ])('--kernel %j is refused, and the remedy says what to give', (kernel, remedy) => {
    expect(() => parsePredictOptions('-', { kernel }, MACHINE)).toThrow(
      expect.objectContaining({ code: 'USAGE', remedy: expect.stringMatching(remedy) }),
    );
  });

  test.each(['', 'a\0b'])('%j is no file', (path) => {
    expect(() => parsePredictOptions(path, {}, MACHINE)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
