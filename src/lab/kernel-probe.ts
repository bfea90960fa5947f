/** How this kernel hashes, asked of it: frames that kernels hash in different ways are sent in a namespace of their own. */

import { native } from '../addon/native.ts';
import { isSystemCallError } from '../errors.ts';
import type { KernelModel, PppoeReading } from '../model/kernel-model.ts';
import { readTag } from '../traffic/tag.ts';
import { generateTraffic } from '../traffic/traffic.ts';

/** Two different hashes choose one member once in so many. */
const MEMBERS = 16;
/** Flows of a question: by luck alone all of them agree once in 16^8. */
const FLOWS = 8;
/** Of a frame with a PPPoE session header behind its Ethernet header (RFC 2516): version and type, length, protocol. */
const PPPOE = { version: 14, length: 18, protocol: 20, compressedProtocol: 21 } as const;

interface Question {
  /** Flow by flow, both directions together. */
  readonly flows: readonly (readonly Uint8Array[])[];
}

/** Undefined where no namespace or no TAP is to be had. */
export function probeKernel(): KernelModel | undefined {
  const session = question('pppoe-ipv4-tcp');
  const questions = {
    sameSpi: question('esp-same-spi-ipv4'),
    hsr: question('hsr-ipv4-udp'),
    anySession: changed(session, (frame) => frame.with(PPPOE.version, 0x21)),
    compressed: changed(session, withCompressedProtocol),
    topBit: question('top-bit-ipv4-tcp'),
    labels: question('label-one-way-ipv6-tcp'),
    inner: question('4in6-ipv4-tcp'),
  };
  const answers = askAll(questions);
  if (answers === undefined) return undefined;
  const pppoe = (): PppoeReading => {
    if (spreads(answers.anySession)) return 'plain';
    return spreads(answers.compressed) ? 'compressed' : 'checked';
  };
  return {
    design: { portsWithAddresses: !keepsFlows(answers.sameSpi), readsHsr: spreads(answers.hsr), pppoe: pppoe() },
    bugs: { b: !keepsFlows(answers.topBit), c: !keepsFlows(answers.labels), d: !keepsFlows(answers.inner) },
  };
}

/** The member of each frame, flow by flow. */
type Answer = readonly (readonly number[])[];

/** All in one namespace: making it takes most of the time. */
function askAll<Name extends string>(questions: Readonly<Record<Name, Question>>): Readonly<Record<Name, Answer>> | undefined {
  const all = Object.values<Question>(questions).flatMap(({ flows }) => flows.flat());
  const offsets = new Uint32Array(all.length + 1);
  for (const [i, { length }] of all.entries()) offsets[i + 1] = (offsets[i] ?? 0) + length;
  let members: readonly number[];
  try {
    members = native.membersByKernelHash(Buffer.concat(all), offsets, MEMBERS);
  } catch (error) {
    if (!isSystemCallError(error)) throw error;
    return undefined;
  }
  const left = members.values();
  const answerOf = ({ flows }: Question): Answer => flows.map((frames) => frames.map(() => left.next().value ?? 0));
  return mapValues(questions, answerOf);
}

function mapValues<Name extends string, From, To>(record: Readonly<Record<Name, From>>, change: (value: From) => To): Record<Name, To> {
  return Object.fromEntries(Object.entries<From>(record).map(([name, value]) => [name, change(value)])) as Record<Name, To>;
}

/** Whether each flow is on one member. */
function keepsFlows(answer: Answer): boolean {
  return answer.every((members) => new Set(members).size === 1);
}

/** Whether the flows are on several members. Those whose addresses and ports the kernel does not read are on one. */
function spreads(answer: Answer): boolean {
  return new Set(answer.flat()).size > 1;
}

function question(name: string): Question {
  const { frames, offsets, tags } = generateTraffic({ seed: 1, flows: FLOWS, packetsPerFlow: 4, payloadMax: 100, classes: [name] });
  const flows = new Map<number | undefined, Uint8Array[]>();
  for (const [i, tagAt] of tags.entries()) {
    const frame = frames.subarray(offsets[i], offsets[i + 1]);
    const flow = readTag(frame, tagAt)?.flow;
    flows.set(flow, [...(flows.get(flow) ?? []), frame]);
  }
  return { flows: [...flows.values()] };
}

function changed({ flows }: Question, change: (frame: Uint8Array) => Uint8Array): Question {
  return { flows: flows.map((frames) => frames.map(change)) };
}

/** One octet less of protocol number, and so of length (RFC 1661, 6.5). */
function withCompressedProtocol(frame: Uint8Array): Uint8Array {
  const shorter = Uint8Array.from([...frame.subarray(0, PPPOE.protocol), ...frame.subarray(PPPOE.compressedProtocol)]);
  const view = new DataView(shorter.buffer);
  view.setUint16(PPPOE.length, view.getUint16(PPPOE.length) - 1);
  return shorter;
}
