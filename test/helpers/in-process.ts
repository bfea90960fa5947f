/** A run with its collector in this process: real workers, real kernel, and a way to reach in at an exact state of one of them. */
import { vi } from 'vitest';
import type { CaptureOptions, Membership } from '../../src/addon/capture.ts';
import { native } from '../../src/addon/native.ts';
import { HOST_CLOCK } from '../../src/collector/group/clock.ts';
import { Cluster, type ClusterEvents } from '../../src/collector/group/cluster.ts';
import { Member, type MemberState } from '../../src/collector/group/member.ts';
import { WorkerCrew } from '../../src/collector/processes/crew.ts';
import { PacketSockets } from '../../src/collector/processes/packet-sockets.ts';
import { workerByPath } from '../../src/collector/processes/worker-program.ts';
import { openProvisions } from '../../src/collector/run/provisions.ts';
import { runCluster } from '../../src/collector/run/run.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { readMachine } from '../../src/options/machine.ts';
import { parseOptions } from '../../src/options/options.ts';
import type { RawOptions } from '../../src/options/table.ts';
import { CAPTURE } from './network.ts';

/** Calls `action` at the moment at which member `index` enters the state, once. */
export function when(index: number, state: MemberState, action: (member: Member) => void): void {
  const become = Member.prototype.become;
  let done = false;
  vi.spyOn(Member.prototype, 'become').mockImplementation(function (this: Member, next: MemberState) {
    become.call(this, next);
    if (done || this.index !== index || next !== state) return;
    done = true;
    action(this);
  });
}

/** A run on the test's interface. */
export async function judge(raw: RawOptions, signal: AbortSignal = new AbortController().signal): Promise<RunResult> {
  const options = parseOptions({ interface: CAPTURE, ...raw }, readMachine());
  const provisions = await openProvisions({ runs: [options] });
  try {
    return await runCluster(options, { version: 'test', clock: HOST_CLOCK, provisions, signal, onProgress: () => {} });
  } finally {
    await provisions.close();
  }
}

export const NO_EVENTS: ClusterEvents = { onLost: () => {}, onDeparted: () => {}, onLinkError: () => {} };

export function newCluster(count: number, events: Partial<ClusterEvents> = {}, workerPath?: string): Cluster {
  const flowMap = new native.FlowMap({ members: count, flowsMax: 1 << 16, hashSeed: 1n });
  const worker = workerPath === undefined ? workerByPath() : { ...workerByPath(), script: workerPath };
  const crew = new WorkerCrew(count, { worker, sockets: new PacketSockets() });
  return new Cluster({ crew, cpus: [], flowMap, interface: CAPTURE, events: { ...NO_EVENTS, ...events }, clock: HOST_CLOCK });
}

const HASH = { mode: 'hash', flags: 0, id: 0, membersMax: 0, program: null } as const;

function captureOptions(member: Member): Omit<CaptureOptions, 'socket'> {
  const { index } = native.describeInterface(CAPTURE);
  const ring = { blockBytes: 1 << 17, blockCount: 4, blockTimeoutMs: 5 };
  const rest = { member: member.index, snaplen: 192, filter: null, promiscuous: true, ignoreOutgoing: false, cpu: null, flowsMax: 1 << 12 };
  return { ifindex: index, ...ring, ...rest, workNs: 0, newsIntervalMs: 10, hashSeed: 1n, labTags: false, replayed: false, eager: false };
}

/** Forks the workers, and brings them as far as the group. */
export async function startGroup(cluster: Cluster, timeoutMs: number): Promise<Membership> {
  return cluster.join(captureOptions, HASH, timeoutMs);
}
