/** The messages between worker and collector. The only place that knows them; docs/protocol.md describes them for other programs. */

import type { CaptureCounters, CaptureOptions, CbpfInstruction, CopyTotals, LargeTotals, OrderTotals } from '../addon/capture.ts';
import { type KernelDesign, PPPOE_READINGS } from '../model/kernel-model.ts';
import { array, bigNatural, exactly, flag, MalformedMessage, natural, shown, text } from './values.ts';

export const PROTOCOL_VERSION = 7;

/** First element of every message. */
export const KIND = {
  hello: 1,
  opened: 2,
  joined: 3,
  armed: 4,
  observations: 5,
  counters: 6,
  failed: 7,
  open: 16,
  join: 17,
  arm: 18,
  start: 19,
  epoch: 20,
  finish: 21,
  leave: 22,
} as const;

/** A steering program, set by the member that creates the group. */
export type SteeringProgram =
  | { readonly kind: 'cbpf'; readonly instructions: readonly CbpfInstruction[] }
  /** A descriptor that the worker was born with. */
  | { readonly kind: 'ebpf'; readonly descriptor: number };

/** Worker to collector, observations excepted: those are decoded natively (native/core/wire/wire.hpp). */
export type WorkerMessage =
  | { readonly kind: 'hello'; readonly version: number; readonly member: number; readonly pid: number }
  | { readonly kind: 'opened'; readonly inode: number }
  | { readonly kind: 'joined'; readonly groupId: number; readonly mode: number; readonly flags: number }
  | { readonly kind: 'armed' }
  | { readonly kind: 'counters'; readonly counters: CaptureCounters }
  | { readonly kind: 'failed'; readonly step: string; readonly call: string; readonly errno: number; readonly message: string };

/** Collector to worker. */
export type CollectorMessage =
  | { readonly kind: 'open'; readonly capture: CaptureOptions }
  | {
      readonly kind: 'join';
      readonly groupId: number;
      readonly mode: number;
      readonly flags: number;
      readonly membersMax: number;
      readonly program: SteeringProgram | null;
    }
  | { readonly kind: 'arm' }
  | { readonly kind: 'start'; readonly startNs: bigint; readonly epoch: number }
  | { readonly kind: 'epoch'; readonly epoch: number; readonly fromNs: bigint }
  | { readonly kind: 'finish'; readonly untilNs: bigint }
  | { readonly kind: 'leave' };

/** Observation batches start with an array of four and their kind, so that they can be told apart without decoding them. */
export function isObservations(message: Uint8Array): boolean {
  return message[0] === 0x94 && message[1] === KIND.observations;
}

// ---- to positional arrays

export function packWorkerMessage(m: WorkerMessage): readonly unknown[] {
  switch (m.kind) {
    case 'hello':
      return [KIND.hello, m.version, m.member, m.pid];
    case 'opened':
      return [KIND.opened, m.inode];
    case 'joined':
      return [KIND.joined, m.groupId, m.mode, m.flags];
    case 'armed':
      return [KIND.armed];
    case 'counters':
      return [KIND.counters, packCounters(m.counters)];
    case 'failed':
      return [KIND.failed, m.step, m.call, m.errno, m.message];
  }
}

function packCounters(c: CaptureCounters): readonly unknown[] {
  const counts = [c.packets, c.drops, c.freezes, c.captured, c.bytes, c.outgoing, c.judged, c.overflowed];
  return [...counts, c.aliveNs, c.cpuNs, c.epoch, c.linkErrno, c.linkErrors, c.finished, c.ignored, c.rollover, c.order, c.copies, c.large];
}

export function packCollectorMessage(m: CollectorMessage): readonly unknown[] {
  switch (m.kind) {
    case 'open': {
      const c = m.capture;
      const ring = [c.blockBytes, c.blockCount, c.blockTimeoutMs];
      return [
        KIND.open,
        [
          c.socket,
          c.ifindex,
          c.member,
          ring,
          c.snaplen,
          c.filter,
          c.promiscuous,
          c.ignoreOutgoing,
          c.cpu,
          c.flowsMax,
          c.workNs,
          c.newsIntervalMs,
          c.hashSeed,
          c.labTags,
          c.replayed,
          c.eager,
          c.mtu ?? null,
          c.kernel === undefined ? null : packDesign(c.kernel),
        ],
      ];
    }
    case 'join':
      return [KIND.join, m.groupId, m.mode, m.flags, m.membersMax, m.program === null ? null : packProgram(m.program)];
    case 'arm':
      return [KIND.arm];
    case 'start':
      return [KIND.start, m.startNs, m.epoch];
    case 'epoch':
      return [KIND.epoch, m.epoch, m.fromNs];
    case 'finish':
      return [KIND.finish, m.untilNs];
    case 'leave':
      return [KIND.leave];
  }
}

function packDesign(d: KernelDesign): readonly unknown[] {
  return [d.portsWithAddresses, d.readsHsr, PPPOE_READINGS.indexOf(d.pppoe)];
}

function packProgram(p: SteeringProgram): readonly unknown[] {
  return p.kind === 'cbpf' ? ['cbpf', p.instructions] : ['ebpf', p.descriptor];
}

// ---- from decoded values; everything is checked before anything else sees it

export function parseWorkerMessage(value: unknown): WorkerMessage {
  const [kind, ...fields] = array(value, 'message');
  switch (kind) {
    case KIND.hello: {
      const [version, member, pid] = exactly(fields, 3, 'hello');
      return { kind: 'hello', version: natural(version), member: natural(member), pid: natural(pid) };
    }
    case KIND.opened:
      return { kind: 'opened', inode: natural(exactly(fields, 1, 'opened')[0]) };
    case KIND.joined: {
      const [groupId, mode, flags] = exactly(fields, 3, 'joined').map(natural) as [number, number, number];
      return { kind: 'joined', groupId, mode, flags };
    }
    case KIND.armed:
      exactly(fields, 0, 'armed');
      return { kind: 'armed' };
    case KIND.counters:
      return { kind: 'counters', counters: parseCounters(exactly(fields, 1, 'counters')[0]) };
    case KIND.failed: {
      const [step, call, errno, message] = exactly(fields, 4, 'failed');
      return { kind: 'failed', step: text(step), call: text(call), errno: natural(errno), message: text(message) };
    }
    default:
      throw new MalformedMessage(`unknown kind ${shown(kind)}`);
  }
}

function parseCounters(value: unknown): CaptureCounters {
  const [
    packets,
    drops,
    freezes,
    captured,
    bytes,
    outgoing,
    judged,
    overflowed,
    aliveNs,
    cpuNs,
    epoch,
    linkErrno,
    linkErrors,
    finished,
    ignored,
    rollover,
    order,
    copies,
    large,
  ] = exactly(array(value, 'counters'), 19, 'counters');
  const roll = array(rollover, 'rollover').map(natural);
  if (roll.length !== 0 && roll.length !== 3) throw new MalformedMessage(`rollover has ${roll.length} numbers`);
  return {
    packets: natural(packets),
    drops: natural(drops),
    freezes: natural(freezes),
    captured: natural(captured),
    bytes: natural(bytes),
    outgoing: natural(outgoing),
    judged: natural(judged),
    overflowed: natural(overflowed),
    aliveNs: bigNatural(aliveNs),
    cpuNs: natural(cpuNs),
    epoch: natural(epoch),
    linkErrno: natural(linkErrno),
    linkErrors: natural(linkErrors),
    finished: flag(finished),
    ignored: array(ignored, 'ignored').map((entry) => exactly(array(entry, 'ignored'), 2, 'ignored').map(natural) as [number, number]),
    rollover: roll,
    order: parseOrder(order),
    copies: exactly(array(copies, 'copies'), 4, 'copies').map(natural) as unknown as CopyTotals,
    large: exactly(array(large, 'large'), 4, 'large').map(natural) as unknown as LargeTotals,
  };
}

export function parseCollectorMessage(value: unknown): CollectorMessage {
  const [kind, ...fields] = array(value, 'message');
  switch (kind) {
    case KIND.open:
      return { kind: 'open', capture: parseCaptureOptions(exactly(fields, 1, 'open')[0]) };
    case KIND.join: {
      const [groupId, mode, flags, membersMax, program] = exactly(fields, 5, 'join');
      return {
        kind: 'join',
        groupId: natural(groupId),
        mode: natural(mode),
        flags: natural(flags),
        membersMax: natural(membersMax),
        program: program === null ? null : parseProgram(program),
      };
    }
    case KIND.arm:
      exactly(fields, 0, 'arm');
      return { kind: 'arm' };
    case KIND.start: {
      const [startNs, epoch] = exactly(fields, 2, 'start');
      return { kind: 'start', startNs: bigNatural(startNs), epoch: natural(epoch) };
    }
    case KIND.epoch: {
      const [epoch, fromNs] = exactly(fields, 2, 'epoch');
      return { kind: 'epoch', epoch: natural(epoch), fromNs: bigNatural(fromNs) };
    }
    case KIND.finish:
      return { kind: 'finish', untilNs: bigNatural(exactly(fields, 1, 'finish')[0]) };
    case KIND.leave:
      exactly(fields, 0, 'leave');
      return { kind: 'leave' };
    default:
      throw new MalformedMessage(`unknown kind ${shown(kind)}`);
  }
}

function parseCaptureOptions(value: unknown): CaptureOptions {
  const [
    socket,
    ifindex,
    member,
    ring,
    snaplen,
    filter,
    promiscuous,
    ignoreOutgoing,
    cpu,
    flowsMax,
    workNs,
    newsIntervalMs,
    hashSeed,
    labTags,
    replayed,
    eager,
    mtu,
    kernel,
  ] = exactly(array(value, 'open'), 18, 'open');
  const [blockBytes, blockCount, blockTimeoutMs] = exactly(array(ring, 'ring'), 3, 'ring').map(natural) as [number, number, number];
  return {
    socket: natural(socket),
    ifindex: natural(ifindex),
    member: natural(member),
    blockBytes,
    blockCount,
    blockTimeoutMs,
    snaplen: natural(snaplen),
    filter: filter === null ? null : parseInstructions(filter),
    promiscuous: flag(promiscuous),
    ignoreOutgoing: flag(ignoreOutgoing),
    cpu: cpu === null ? null : natural(cpu),
    flowsMax: natural(flowsMax),
    workNs: natural(workNs),
    newsIntervalMs: natural(newsIntervalMs),
    hashSeed: bigNatural(hashSeed),
    labTags: flag(labTags),
    replayed: flag(replayed),
    eager: flag(eager),
    ...(mtu === null ? {} : { mtu: natural(mtu) }),
    ...(kernel === null ? {} : { kernel: parseDesign(kernel) }),
  };
}

function parseDesign(value: unknown): KernelDesign {
  const [portsWithAddresses, readsHsr, reading] = exactly(array(value, 'kernel'), 3, 'kernel');
  const pppoe = PPPOE_READINGS[natural(reading)];
  if (pppoe === undefined) throw new MalformedMessage(`no reading of PPPoE is ${shown(reading)}`);
  return { portsWithAddresses: flag(portsWithAddresses), readsHsr: flag(readsHsr), pppoe };
}

function parseOrder(value: unknown): OrderTotals {
  return exactly(array(value, 'order'), 6, 'order').map(natural) as unknown as OrderTotals;
}

function parseProgram(value: unknown): SteeringProgram {
  const [kind, body] = exactly(array(value, 'program'), 2, 'program');
  if (kind === 'cbpf') return { kind, instructions: parseInstructions(body) };
  if (kind === 'ebpf') return { kind, descriptor: natural(body) };
  throw new MalformedMessage(`unknown program ${shown(kind)}`);
}

export function parseInstructions(value: unknown): readonly CbpfInstruction[] {
  return array(value, 'program').map(
    (instruction) => exactly(array(instruction, 'instruction'), 4, 'instruction').map(natural) as unknown as CbpfInstruction,
  );
}
