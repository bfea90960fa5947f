/** A group of real workers in this network namespace, led through one run, and all that it saw. Only in a namespace of the lab's own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureCounters, CaptureOptions } from '../../src/addon/capture.ts';
import type { FlowMap, ObservedFlow } from '../../src/addon/flow-map.ts';
import { native } from '../../src/addon/native.ts';
import { HOST_CLOCK } from '../../src/collector/group/clock.ts';
import { Cluster, type GroupRequest } from '../../src/collector/group/cluster.ts';
import type { Program } from '../../src/collector/group/program.ts';
import { WorkerCrew } from '../../src/collector/processes/crew.ts';
import { PacketSockets } from '../../src/collector/processes/packet-sockets.ts';
import { workerByPath } from '../../src/collector/processes/worker-program.ts';
import { FANOUT_FLAGS, type FanoutFlag, type FanoutMode } from '../../src/model/fanout.ts';
import type { FlowId } from '../../src/model/run-result.ts';

export interface GroupOptions {
  readonly interface: string;
  readonly procs: number;
  readonly mode: FanoutMode;
  readonly flags?: readonly FanoutFlag[];
  readonly id?: number;
  readonly program?: Program;
  readonly ring?: { readonly blockBytes: number; readonly blockCount: number };
  readonly workNs?: number;
  readonly labTags?: boolean;
}

export interface Group {
  readonly id: number;
  /** Waits until `packets` have come as far as a member, ends the capture, and says what was seen. */
  finish(packets: number): Promise<Seen>;
  /** Ends the workers. */
  close(): Promise<void>;
}

export interface Seen {
  readonly flows: readonly ObservedFlow[];
  readonly members: readonly CaptureCounters[];
}

const SEED = 1n;
const TIMEOUT_MS = 20_000;
const FLOWS_MAX = 1 << 16;

const noEvents = { onLost: () => undefined, onDeparted: () => undefined, onLinkError: () => undefined };

/** Resolves when packets that arrive from now on are judged. */
export async function startGroup(options: GroupOptions): Promise<Group> {
  const { procs, id = 0 } = options;
  const flowMap = new native.FlowMap({ members: procs, flowsMax: FLOWS_MAX, hashSeed: SEED });
  const ebpf = options.program?.kind === 'ebpf' ? [options.program.descriptor] : [];
  const crew = new WorkerCrew(procs, { worker: workerByPath(), sockets: new PacketSockets(), programs: ebpf });
  const cluster = new Cluster({ crew, cpus: [], flowMap, interface: options.interface, events: noEvents, clock: HOST_CLOCK });
  try {
    const { index } = native.describeInterface(options.interface);
    const { groupId } = await cluster.join((member) => captureOptions(options, index, member.index), groupRequest(options), TIMEOUT_MS);
    if (id !== 0 && groupId !== id) throw new Error(`asked for group ${id}, got ${groupId}`);
    await cluster.arm(TIMEOUT_MS);
    const startNs = native.realtimeNs();
    cluster.start(startNs);
    // A packet that is sent in the same microsecond could carry an earlier stamp.
    await sleep(5);
    return { id: groupId, finish: (packets) => finish(cluster, flowMap, startNs, packets), close: () => cluster.close() };
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

function captureOptions(
  { ring, workNs = 0, labTags = false }: GroupOptions,
  ifindex: number,
  member: number,
): Omit<CaptureOptions, 'socket'> {
  return {
    ifindex,
    member,
    blockBytes: ring?.blockBytes ?? 1 << 18,
    blockCount: ring?.blockCount ?? 8,
    blockTimeoutMs: 10,
    snaplen: 192,
    filter: null,
    promiscuous: false,
    ignoreOutgoing: false,
    cpu: null,
    flowsMax: FLOWS_MAX,
    workNs,
    newsIntervalMs: 10,
    hashSeed: SEED,
    labTags,
    replayed: false,
    eager: false,
  };
}

function groupRequest({ mode, flags = [], id = 0, program }: GroupOptions): GroupRequest {
  return { mode, flags: flags.reduce((bits, flag) => bits | FANOUT_FLAGS[flag], 0), id, membersMax: 0, program: program ?? null };
}

async function finish(cluster: Cluster, flowMap: FlowMap, startNs: bigint, packets: number): Promise<Seen> {
  const delivered = () => cluster.members.reduce((sum, { counters }) => sum + counters.packets + counters.drops, 0);
  for (const deadline = performance.now() + TIMEOUT_MS; delivered() < packets && performance.now() < deadline; ) await sleep(5);
  await cluster.finish(TIMEOUT_MS);
  return {
    flows: flowMap.flows({ epochEndsNs: [null], max: FLOWS_MAX, startNs }),
    members: cluster.members.map(({ counters }) => counters),
  };
}

export function flowName({ proto, src, sport, dst, dport }: FlowId): string {
  return `${proto} ${src} ${sport} ${dst} ${dport}`;
}

/** Which members saw each direction of each flow, and how many packets of it. */
export class Whereabouts {
  readonly #packets = new Map<string, Map<number, number>>();

  constructor({ flows }: Seen) {
    for (const { flow, observations } of flows)
      for (const { direction, member, packets } of observations) {
        const key = `${flowName(flow)} ${direction}`;
        const byMember = this.#packets.get(key) ?? new Map<number, number>();
        this.#packets.set(key, byMember.set(member, (byMember.get(member) ?? 0) + packets));
      }
  }

  /** Packets by member. */
  of(flow: FlowId, direction: 'forward' | 'reverse'): ReadonlyMap<number, number> {
    return this.#packets.get(`${flowName(flow)} ${direction}`) ?? new Map();
  }

  /** The one member of this direction; -1 if there are several or none. */
  memberOf(flow: FlowId, direction: 'forward' | 'reverse'): number {
    const byMember = this.of(flow, direction);
    const [member = -1] = byMember.keys();
    return byMember.size === 1 ? member : -1;
  }
}
