/** Each thing that can be taken from a machine alone, and pairs that meet in practice. All pairs: npm run soak:machines. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type OpenWorkshop, openWorkshop } from '../helpers/machine-workshop.ts';
import { AXES, type Axis, type Command, type Machine, nameOf, outcomeOn } from '../helpers/machines.ts';
import { assertPrivateNamespace } from '../helpers/network.ts';
import { root, testWith } from '../helpers/requirements.ts';

let workshop: OpenWorkshop;
beforeAll(() => {
  assertPrivateNamespace();
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  workshop = openWorkshop();
});
afterAll(() => workshop.close());

/** Two at a time: a run waits more than it works. */
async function expectAnswers(cells: readonly (readonly [Machine, Command])[]): Promise<void> {
  const left = [...cells];
  const faults: string[] = [];
  const work = async (): Promise<void> => {
    for (let cell = left.pop(); cell !== undefined; cell = left.pop()) {
      const [machine, command] = cell;
      const { steps, fault } = await outcomeOn(machine, command, workshop);
      if (fault !== undefined) faults.push(`${command}, ${nameOf(machine)}: ${[...steps, fault].join(' | ')}`);
    }
  };
  await Promise.all([work(), work()]);
  expect(faults).toEqual([]);
}

const LIVE: readonly Axis[] = ['user', 'filter'];
const PREDICT: readonly Axis[] = ['tasks'];
const TIMEOUT_MS = 240_000;

describe('one thing is missing', () => {
  for (const axis of Object.keys(AXES) as Axis[])
    testWith([root()], axis, { timeout: TIMEOUT_MS }, () =>
      expectAnswers(
        Object.keys(AXES[axis]).flatMap((value) => [
          [{ [axis]: value }, 'lab'] as const,
          ...(LIVE.includes(axis) ? [[{ [axis]: value }, 'live'] as const] : []),
          ...(PREDICT.includes(axis) ? [[{ [axis]: value }, 'predict'] as const] : []),
        ]),
      ),
    );
});

testWith([root()], 'machines as they are sold: a pod, a container, a hardened unit, a jail', { timeout: TIMEOUT_MS }, () =>
  expectAnswers([
    [{ user: 'container', namespaces: 'a filter refuses all', tun: 'no node', proc: 'read-only settings', sys: 'read-only' }, 'lab'],
    [{ user: 'container', namespaces: 'a filter refuses all', root: 'read-only, with all below' }, 'live'],
    [{ user: 'root with NET_RAW alone', namespaces: 'a filter refuses all', root: 'read-only, with all below' }, 'lab'],
    [{ user: 'user', namespaces: 'a filter refuses all', tun: 'no node' }, 'lab'],
    [{ user: 'user with NET_RAW', filter: '@system-service', proc: "no other user's", sys: 'none' }, 'live'],
    [{ user: 'user with NET_RAW', filter: 'no Internet sockets', limits: '50 descriptors' }, 'live'],
    [{ filter: '@system-service, deadly', proc: 'processes alone', limits: 'no locked memory' }, 'lab'],
    [{ filter: 'no netlink sockets', user: 'container with both' }, 'lab'],
    [{ memory: '60 MiB', tasks: '12', sys: 'read-only' }, 'lab'],
    [{ proc: 'none', sys: 'none', root: 'read-only, with all below' }, 'lab'],
    [{ limits: '20 descriptors', user: 'user', namespaces: 'a kernel without user namespaces' }, 'lab'],
  ]),
);
