/** The simulated NIC: one writer for each receive queue, and what modes qm and cpu make of what it spreads. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSystemCallError } from '../../src/errors.ts';
import type { LabNetwork } from '../../src/lab/network.ts';
import { readTag } from '../../src/lab/tag.ts';
import { generateTraffic, type Traffic } from '../../src/lab/traffic.ts';
import { receivedPackets, startCapture } from '../helpers/capture.ts';
import { refuseHostNamespace, withLab } from '../helpers/lab.ts';
import { readPcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { cpus, testWith } from '../helpers/requirements.ts';

const scratch = temporaryDirectory();
beforeAll(refuseHostNamespace);
afterAll(() => scratch.remove());

/** Frames go to queues in no regular order. */
function scattered(queueCount: number, flows = 100): Traffic {
  const traffic = generateTraffic({ seed: 31, flows });
  return { ...traffic, queues: Uint16Array.from(traffic.tags, (_, i) => ((i * 2654435761) >>> 20) % queueCount) };
}

/** The sequence numbers in the order of arrival. */
async function sequencesOf(lab: LabNetwork, traffic: Traffic, send: () => Promise<unknown>): Promise<readonly number[]> {
  const file = join(scratch.path, 'sent.pcap');
  const capture = await startCapture(lab.interface, file);
  await send();
  await capture.finish();
  const offsets = [...new Set(traffic.tags)];
  return readPcap(file).map((frame) => {
    const found = offsets.map((at) => readTag(frame, at)).find((tag) => tag !== undefined);
    return found?.sequence ?? -1;
  });
}

describe('several writers', () => {
  test('send everything once a round, numbered by the place on the wire, each queue in order', async () => {
    await withLab('tap', 5, async (lab) => {
      const traffic = scattered(4);
      const [count, rounds] = [traffic.tags.length, 3];
      const arrived = await sequencesOf(lab, traffic, async () => {
        const report = await lab.createInjector(traffic).run({ rounds, queueCpus: [0, 1] });
        expect(report).toMatchObject({ packets: rounds * count, bytes: rounds * traffic.frames.length, stopped: false });
      });
      expect(arrived.toSorted((a, b) => a - b)).toEqual(Array.from({ length: rounds * count }, (_, i) => i));
      for (let queue = 0; queue < 4; queue += 1) {
        const own = arrived.filter((sequence) => traffic.queues[sequence % count] === queue);
        expect(own.length).toBeGreaterThan(count / 2);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
      // None begins a round before all have ended the one before.
      const round = arrived.map((sequence) => Math.floor(sequence / count));
      expect(round).toEqual(round.toSorted());
    });
  });

  test('keep to the schedule of the wire, not of their own queue', async () => {
    await withLab('tap', 2, async (lab) => {
      const traffic = scattered(1, 125);
      const queues = Uint16Array.from(traffic.tags, (_, i) => (i < 900 ? 0 : 1));
      const arrived = await sequencesOf(lab, traffic, async () => {
        const report = await lab.createInjector({ ...traffic, queues }).run({ packetsPerSecond: 5000, queueCpus: [0, 1] });
        expect(report.packets).toBe(1000);
        expect(report.elapsedMs).toBeGreaterThan(199);
        expect(report.elapsedMs).toBeLessThan(600);
      });
      // A queue that sent its 100 frames at once would have them out before the other one's first hundred.
      expect(arrived.indexOf(900)).toBeGreaterThan(arrived.indexOf(600));
    });
  });

  test('stop together, and the next run goes on with numbers that were not used', async () => {
    await withLab('tap', 4, async (lab) => {
      const traffic = scattered(4);
      const injector = lab.createInjector(traffic);
      let first = 0;
      const arrived = await sequencesOf(lab, traffic, async () => {
        const endless = injector.run({ rounds: 0, packetsPerSecond: 20_000, queueCpus: [0, 1] });
        await expect.poll(() => injector.counters.packets).toBeGreaterThan(2000);
        injector.stop();
        const report = await endless;
        expect(report.stopped).toBe(true);
        expect(receivedPackets(lab.interface)).toBe(report.packets);
        first = report.packets;
        expect(await injector.run({ queueCpus: [0, 1] })).toMatchObject({ packets: traffic.tags.length, stopped: false });
      });
      expect(new Set(arrived).size).toBe(first + traffic.tags.length);
      expect(Math.min(...arrived.slice(first))).toBeGreaterThan(Math.max(...arrived.slice(0, first)));
    });
  });

  test('fail together, and can start again', async () => {
    await withLab('tap', 4, async (lab) => {
      const injector = lab.createInjector(scattered(4));
      execFileSync('ip', ['link', 'set', lab.interface, 'down']);
      const error = await injector.run({ rounds: 0, packetsPerSecond: 1, queueCpus: [0, 1] }).catch((reason: unknown) => reason);
      expect(isSystemCallError(error) && [error.call, error.errno]).toEqual(['write', 5]);
      execFileSync('ip', ['link', 'set', lab.interface, 'up']);
      expect(() => injector.run({ queueCpus: [0, 1023] })).toThrow(/pthread_create/);
      expect(await injector.run({ queueCpus: [0] })).toMatchObject({ packets: 800, stopped: false });
    });
  });
});

describe('bursts', () => {
  for (const [name, plan] of [
    ['of one writer', {}],
    ['of several', { queueCpus: [0, 1] }],
  ] as const)
    testWith([cpus(2)], `${name}: nothing is sent between them, and the mean rate is the same`, {}, async () => {
      await withLab('tap', 4, async (lab) => {
        const injector = lab.createInjector(scattered(4, 50));
        const sent: number[] = [];
        const run = injector.run({ packetsPerSecond: 2000, burst: 100, ...plan });
        const sampling = new AbortController();
        const sampled = (async () => {
          while (!sampling.signal.aborted) {
            sent.push(injector.counters.packets);
            await sleep(2);
          }
        })();
        const report = await run;
        sampling.abort();
        await sampled;
        expect(report.packets).toBe(400);
        // The last burst of four begins when three quarters of 200 ms have passed, and takes no time.
        expect(report.elapsedMs).toBeGreaterThan(149);
        expect(report.elapsedMs).toBeLessThan(400);
        // A machine under load may be looked at in the middle of a burst.
        expect(sent.filter((count) => count % 100 !== 0).length).toBeLessThan(sent.length / 5);
        expect(sent.filter((count) => count === 200).length).toBeGreaterThan(3);
      });
    });
});
