/** The clock by which the kernel stamps packets is set back and forth under a run. It is the machine's own clock: set right again after each test. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { disturbed, pause } from '../helpers/disturbed.ts';
import { assertPrivateNamespace, makePair, removePair, type Sending, send } from '../helpers/network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { type Requirement, testWith } from '../helpers/requirements.ts';
import { workersOf } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
const env = { XDG_RUNTIME_DIR: runtime };
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  makeRuntimeDirectory(runtime);
});
afterAll(() => scratch.remove());
beforeEach(() => {
  makePair();
  sending = send();
});
afterEach(async () => {
  setRight();
  await sending?.stop();
  expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
  removePair();
});

/** Nobody's clock is touched unless they say so. */
function ownClock(): Requirement | undefined {
  if (process.env['FANOUT_TEST_CLOCK'] === 'own') return undefined;
  return {
    reason: 'the clock of this machine would be set',
    remedy: '`npm run test:clock` as root, where a clock that is off for a second does no harm',
  };
}

/** What the clock would show had nobody touched it: this process counts from its start by one that never steps. */
function rightMs(): number {
  return performance.timeOrigin + performance.now();
}
function setClock(ms: number): void {
  execFileSync('date', [`--set=@${(ms / 1000).toFixed(6)}`]);
}
const stepBy = (seconds: number): void => setClock(Date.now() + seconds * 1000);
function setRight(): void {
  if (Math.abs(Date.now() - rightMs()) > 2) setClock(rightMs());
}

type Step = (pid: number) => Promise<void> | void;

const STEPS: Readonly<Record<string, Step>> = {
  'back by a second': () => stepBy(-1),
  'back by an hour': () => stepBy(-3600),
  'forth by a second': () => stepBy(1),
  'forth by an hour, and back': async () => {
    stepBy(3600);
    await pause(250);
    stepBy(-3600);
  },
  'back and forth, ten times': async () => {
    for (let i = 0; i < 10; i += 1) {
      stepBy(i % 2 === 0 ? -0.5 : 0.5);
      await pause(40);
    }
  },
  'back, and a worker is killed': async (pid) => {
    stepBy(-2);
    await pause(250);
    process.kill(workersOf(pid)[1] ?? 0, 'SIGKILL');
  },
  'forth, and a worker is killed': async (pid) => {
    stepBy(2);
    await pause(250);
    process.kill(workersOf(pid)[1] ?? 0, 'SIGKILL');
  },
};

describe('the clock is set', () => {
  for (const [name, step] of Object.entries(STEPS)) {
    testWith([ownClock()], `${name}: no false NO, and an end in time`, {}, async () => {
      const begun = performance.now();
      const result = await disturbed(env, ['-n', '4', '--max-loss', '100'], { afterMs: 300, action: ({ pid }) => step(pid), restMs: 500 });
      expect(performance.now() - begun).toBeLessThan(10_000);
      expect(result.flows).toMatchObject({ split: 0, asymmetric: 0, duplicated: 0 });
      const reasons = result.verdict.reasons.map(({ code }) => code);
      if (name.includes('killed')) {
        expect(result.verdict.answer).toBe('inconclusive');
        expect(reasons).toContain('lost-member');
      } else expect([result.verdict.answer, reasons]).toEqual(['yes', ['proven']]);
      // Where a loss comes after times that are told twice, what was seen at the first of them is no evidence any more.
      if (name !== 'back, and a worker is killed') expect(result.flows.consistent).toBeGreaterThan(100);
    });
  }

  testWith([ownClock()], 'back while flows are split: still a NO', {}, async () => {
    const result = await disturbed(env, ['-n', '4', '-m', 'lb'], { afterMs: 300, action: () => stepBy(-1), restMs: 400 });
    expect([result.status, result.verdict.reasons.map(({ code }) => code)]).toEqual([1, ['lb-by-design']]);
  });
});
