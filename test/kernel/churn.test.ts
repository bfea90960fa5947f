/** Members that leave and come: flows move as the kernel's code has it, whichever slot it is. */
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { ChurnEvent, ChurnResult } from '../../src/commands/churn/result.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { entriesOf, isAlive, run, start, until, workersOf } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

async function churn(...args: string[]): Promise<{ readonly status: number | null; readonly result: ChurnResult }> {
  // So many that 0.02 is five standard deviations of any share.
  const size = ['--flows', '16000', '--rate', '400000'];
  const { status, stdout, stderr } = await run(['churn', '--json', '-', '--quiet', ...size, ...args]);
  if (stdout === '') throw new Error(stderr);
  return { status, result: JSON.parse(stdout) as ChurnResult };
}

/** Of all traffic, what stays on its socket when slot k of n is freed: in closed form, apart from how the tool works it out. */
function stayingWithout(n: number, k: number): number {
  if (k === n - 1) return 1 / 2;
  return 1 / 2 - (n - 1 - k) / (n * (n - 1)) + (k === n - 2 ? 1 / n : 0);
}

const of = (events: readonly ChurnEvent[], kind: ChurnEvent['kind']) => events.filter((event) => event.kind === kind);

test('this is a private namespace', refuseHostNamespace);

test('a program by whose rest the kernel goes: more flows move, and as many as its code says', { timeout: 180_000 }, async () => {
  const { status, result } = await churn('-n', '4', '--mode', 'ebpf', '--ebpf-program', 'builtin:ports', '--slot', '1');
  expect([status, result.doubts]).toEqual([0, []]);
  expect(result.group).toEqual({ mode: 'ebpf', flags: [], builtin: 'ports', procs: 4 });
  for (const event of [...of(result.events, 'leave'), ...of(result.events, 'join')]) {
    expect(event.expectedStayedShare).toBe(1 / 4);
    expect(Math.abs(event.stayedShare - 1 / 4)).toBeLessThan(0.02);
  }
});

describe.each([2, 4, 8])('%i members', (n) => {
  test('each slot in turn: within 0.02 of the formula, and half of all flows move when the member is replaced', {
    timeout: 180_000,
  }, async () => {
    const { status, result } = await churn('-n', String(n));
    expect([status, result.doubts]).toEqual([0, []]);
    const leaves = of(result.events, 'leave');
    expect(leaves.map(({ slot }) => slot)).toEqual(Array.from({ length: n }, (_, k) => k));
    for (const { slot = 0, flows, stayedShare, expectedStayedShare, survivorsMovedShare, packetsSent, packetsLost } of leaves) {
      const formula = stayingWithout(n, slot);
      expect(expectedStayedShare).toBeCloseTo(formula, 10);
      expect(Math.abs(stayedShare - formula)).toBeLessThan(0.02);
      expect(Math.abs(survivorsMovedShare - (1 - formula / (1 - 1 / n)))).toBeLessThan(0.04);
      expect(flows).toBeGreaterThan(15_900);
      // What was in the ring of the one that was killed, or went there until the kernel had noticed; not a tenth of its share for long.
      expect(packetsLost).toBeGreaterThan(0);
      expect(packetsLost).toBeLessThan(packetsSent / n);
    }
    for (const { flows, stayedShare, packetsLost, packetsSent } of of(result.events, 'join')) {
      expect(Math.abs(stayedShare - 1 / 2)).toBeLessThan(0.02);
      expect(flows).toBeGreaterThan(15_900);
      expect(packetsLost).toBeLessThan(packetsSent / 10);
    }
    // After slot 0 was replaced: the last member before all others, where their sockets are older.
    const [flap] = of(result.events, 'link-flap');
    expect(flap?.expectedStayedShare).toBeCloseTo(n === 2 ? 1 : 1 / n, 10);
    expect(Math.abs((flap?.stayedShare ?? -1) - (n === 2 ? 1 : 1 / n))).toBeLessThan(0.02);
    expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
  });
});

test('one slot, by number; the flows of the last one move by themselves, and no others with it need to', async () => {
  const { status, result } = await churn('-n', '3', '--slot', '1');
  expect(status).toBe(0);
  expect(result.events.map(({ kind, slot, slots }) => [kind, slot, slots])).toEqual([
    ['leave', 1, [0, 2]],
    ['join', 2, [0, 2, 3]],
    ['link-flap', undefined, [0, 2, 3]],
  ]);
  // The last member takes over the slot of the one before it: no flow of the survivors moves.
  expect(result.events[0]?.survivorsMoved).toBe(0);
  expect(result.events[2]?.stayed).toBe(16_000);
});

test('killed after a process was replaced: no worker and no socket is left', async () => {
  const runtime = join(scratch.path, 'runtime');
  makeRuntimeDirectory(runtime);
  const churning = start(['churn', '-n', '4'], { env: { XDG_RUNTIME_DIR: runtime } });
  await churning.said(/arrival of a member \(2 of 9\)/);
  const workers = workersOf(churning.pid);
  expect(workers.length).toBeGreaterThanOrEqual(3);
  // While it captures nothing of it is in the file system.
  await until(() => entriesOf(runtime).length === 0, 'the sockets are gone');
  process.kill(churning.pid, 'SIGKILL');
  await until(() => !workers.some(isAlive), 'the workers have ended');
  await until(() => entriesOf(runtime).length === 0, 'nothing is left');
});

test('a member that somebody else kills: named, and nothing is measured from then on', async () => {
  const churning = start(['churn', '-n', '4', '--json', '-']);
  await churning.said(/arrival of a member \(2 of 9\)/);
  const [victim = 0] = workersOf(churning.pid).slice(-2);
  process.kill(victim, 'SIGKILL');
  const { status, stdout } = await churning.ended;
  const { events, doubts } = JSON.parse(stdout) as ChurnResult;
  expect([status, doubts.map(({ code }) => code)]).toEqual([3, ['lost-member']]);
  expect(doubts[0]?.message).toContain(`pid ${victim}`);
  expect(events.map(({ kind }) => kind)).toEqual(['leave', 'join']);
});
