/** The lab's interface for one test, and what is sent through it, packet by packet. */

import type { InjectPlan } from '../../src/addon/injector.ts';
import { native } from '../../src/addon/native.ts';
import { readSelf, usedDevices } from '../../src/lab/namespace.ts';
import { createLabNetwork, type Injection, type LabNetwork } from '../../src/lab/network.ts';
import type { FlowId } from '../../src/model/run-result.ts';
import { type Direction, readTag } from '../../src/traffic/tag.ts';
import { type FlowTruth, generateTraffic, type Traffic, type TrafficOptions } from '../../src/traffic/traffic.ts';
import { flowName, type Group, type GroupOptions, type Seen, startGroup, Whereabouts } from './group.ts';

const OWN_INTERFACES = ['lo', 'cap0', 'gen0', 'oracle0'];

/** Everything below attaches, captures and sends: on a host that would be heard. Packets that have passed mean a host. */
export function refuseHostNamespace(): void {
  const used = usedDevices(readSelf().devices).filter((name) => !OWN_INTERFACES.includes(name));
  if (used.length > 0) throw new Error(`packets have passed ${used.join(', ')}: run the tests with \`node scripts/test.mjs kernel\``);
}

export async function withLab<T>(injection: Injection, queues: number, body: (lab: LabNetwork) => Promise<T>): Promise<T> {
  refuseHostNamespace();
  const lab = await createLabNetwork({ addon: native, injection, queues });
  try {
    return await body(lab);
  } finally {
    await lab.close();
  }
}

export interface SentPacket {
  readonly frame: Uint8Array;
  readonly flow: FlowTruth;
  readonly direction: Direction;
}

/** Of traffic in which every packet belongs to a flow. */
export function flowIdOf({ class: name, flow }: FlowTruth): FlowId {
  if (flow === undefined) throw new Error(`packets of ${name} belong to no flow`);
  return flow;
}

/** What each frame is, as its lab tag says. */
export function packetsOf({ frames, offsets, tags, flows }: Traffic): readonly SentPacket[] {
  return Array.from(tags, (tagAt, i) => {
    const frame = frames.subarray(offsets[i], offsets[i + 1]);
    const tag = readTag(frame, tagAt);
    const flow = flows[tag?.flow ?? -1];
    if (tag === undefined || flow === undefined) throw new Error(`frame ${i} has no lab tag`);
    return { frame, flow, direction: tag.direction };
  });
}

/**
 * Flows of two packets, one in each direction: then the member of a direction is the member of one known packet,
 * and every decision of the kernel can be looked up.
 */
export function onePacketPerDirection(options: Omit<TrafficOptions, 'packetsPerFlow'>): Traffic {
  return generateTraffic({ ...options, packetsPerFlow: 2 });
}

/** Sends all traffic through the lab to groups that run at the same time; their workers end with this. */
export async function sendTo(
  lab: LabNetwork,
  traffic: Traffic,
  groups: readonly Omit<GroupOptions, 'interface'>[],
  plan: InjectPlan = {},
): Promise<readonly Seen[]> {
  const started: Group[] = [];
  try {
    for (const options of groups) started.push(await startGroup({ ...options, interface: lab.interface }));
    const { packets } = await lab.createInjector(traffic).run(plan);
    return await Promise.all(started.map((group) => group.finish(packets)));
  } finally {
    await Promise.all(started.map((group) => group.close()));
  }
}

/** The member of every packet in the order of sending; only for traffic of one packet per direction. */
export function membersInOrder(traffic: Traffic, seen: Seen): readonly number[] {
  const whereabouts = new Whereabouts(seen);
  return packetsOf(traffic).map(({ flow, direction }) => whereabouts.memberOf(flowIdOf(flow), direction));
}

/** What does not add up: nothing may be lost, and all counters, flow by flow, must be what was sent. */
export function accountErrors(traffic: Traffic, seen: Seen): readonly string[] {
  const whereabouts = new Whereabouts(seen);
  const members = seen.members.flatMap(({ packets, drops, captured, judged }, i) =>
    drops === 0 && captured === packets && judged === packets ? [] : [`member ${i}: ${packets} packets, ${drops} drops, ${judged} judged`],
  );
  const got = sum(seen.members.map(({ packets }) => packets));
  const total = got === traffic.tags.length ? [] : [`${traffic.tags.length} packets sent, ${got} delivered`];
  const flows = traffic.flows.flatMap((truth) =>
    (['forward', 'reverse'] as const).flatMap((direction) => {
      const [flow, sent] = [flowIdOf(truth), truth.packets[direction]];
      const observed = sum(whereabouts.of(flow, direction).values());
      return observed === sent ? [] : [`${flowName(flow)} ${direction}: ${observed} of ${sent}`];
    }),
  );
  return [...total, ...members, ...flows];
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}
