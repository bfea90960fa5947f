/** Arbitrary messages of the protocol, every field over its whole range. */
import fc from 'fast-check';
import type { CaptureCounters, CaptureOptions, CbpfInstruction } from '../../src/addon/capture.ts';
import type { ObservationInput } from '../../src/addon/observations.ts';
import { type KernelDesign, PPPOE_READINGS } from '../../src/model/kernel-model.ts';
import type { CollectorMessage, SteeringProgram, WorkerMessage } from '../../src/protocol/schema.ts';

const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const instruction: fc.Arbitrary<CbpfInstruction> = fc.tuple(fc.nat(0xffff), fc.nat(0xff), fc.nat(0xff), fc.nat(0xffffffff));

const design: fc.Arbitrary<KernelDesign> = fc.record({
  portsWithAddresses: fc.boolean(),
  readsHsr: fc.boolean(),
  pppoe: fc.constantFrom(...PPPOE_READINGS),
});

const captureOptions: fc.Arbitrary<CaptureOptions> = fc
  .tuple(captureWithoutKernel(), fc.option(design, { nil: undefined }))
  .map(([capture, kernel]) => (kernel === undefined ? capture : { ...capture, kernel }));

function captureWithoutKernel(): fc.Arbitrary<CaptureOptions> {
  return fc.record({
    socket: count,
    ifindex: count,
    member: count,
    blockBytes: count,
    blockCount: count,
    blockTimeoutMs: count,
    snaplen: count,
    filter: fc.option(fc.array(instruction, { maxLength: 40 })),
    promiscuous: fc.boolean(),
    ignoreOutgoing: fc.boolean(),
    cpu: fc.option(count),
    flowsMax: count,
    workNs: count,
    newsIntervalMs: count,
    hashSeed: uint64,
    labTags: fc.boolean(),
    replayed: fc.boolean(),
    eager: fc.boolean(),
  });
}

const counters: fc.Arbitrary<CaptureCounters> = fc.record({
  packets: count,
  drops: count,
  freezes: count,
  captured: count,
  bytes: count,
  outgoing: count,
  judged: count,
  overflowed: count,
  ignored: fc.array(fc.tuple(count, count), { maxLength: 20 }),
  rollover: fc.oneof(fc.constant([]), fc.array(count, { minLength: 3, maxLength: 3 })),
  order: fc.tuple(count, count, count, count, count, count),
  copies: fc.tuple(count, count, count, count),
  large: fc.tuple(count, count, count, count),
  aliveNs: uint64,
  cpuNs: count,
  epoch: count,
  linkErrno: count,
  linkErrors: count,
  finished: fc.boolean(),
});

const program: fc.Arbitrary<SteeringProgram> = fc.oneof(
  fc.record({ kind: fc.constant('cbpf' as const), instructions: fc.array(instruction, { maxLength: 40 }) }),
  fc.record({ kind: fc.constant('ebpf' as const), descriptor: count }),
);

export const workerMessage: fc.Arbitrary<WorkerMessage> = fc.oneof(
  fc.record({ kind: fc.constant('hello' as const), version: count, member: count, pid: count }),
  fc.record({ kind: fc.constant('opened' as const), inode: count }),
  fc.record({ kind: fc.constant('joined' as const), groupId: count, mode: count, flags: count }),
  fc.record({ kind: fc.constant('armed' as const) }),
  fc.record({ kind: fc.constant('counters' as const), counters }),
  fc.record({ kind: fc.constant('failed' as const), step: text, call: text, errno: count, message: text }),
);

export const collectorMessage: fc.Arbitrary<CollectorMessage> = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), capture: captureOptions }),
  fc.record({
    kind: fc.constant('join' as const),
    groupId: count,
    mode: count,
    flags: count,
    membersMax: count,
    program: fc.option(program),
  }),
  fc.record({ kind: fc.constant('arm' as const) }),
  fc.record({ kind: fc.constant('start' as const), startNs: uint64, epoch: count }),
  fc.record({ kind: fc.constant('epoch' as const), epoch: count, fromNs: uint64 }),
  fc.record({ kind: fc.constant('finish' as const), untilNs: uint64 }),
  fc.record({ kind: fc.constant('leave' as const) }),
);

/** Layers by name, with the codes that go over the wire. */
export const LAYER_CODES = { vlan: 2n, ipv4: 5n, ipv6: 6n, frag: 7n, tcp: 8n, udp: 9n, gre: 18n, vxlan: 21n } as const;

const ipv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.'));
const ipv6 = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }).map((words) => words.map((word) => word.toString(16)).join(':'));

export const observation: fc.Arbitrary<ObservationInput> = fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6)).chain(([src, dst]) =>
  fc.record({
    src: fc.constant(src),
    dst: fc.constant(dst),
    srcPort: fc.nat(0xffff),
    dstPort: fc.nat(0xffff),
    protocol: fc.nat(0xff),
    stack: fc
      .array(fc.constantFrom(...(Object.keys(LAYER_CODES) as (keyof typeof LAYER_CODES)[])), { minLength: 1, maxLength: 10 })
      .map((layers) => layers.join('/')),
    kernelKey: uint64,
    marks: fc.nat(63),
    tags: fc.nat(0xffff),
    packets: fc.bigInt({ min: 1n, max: (1n << 32n) - 1n }),
    bytes: uint64,
    firstNs: fc.bigInt({ min: 0n, max: 1n << 62n }),
    lastNs: fc.bigInt({ min: 1n << 62n, max: (1n << 64n) - 1n }),
    content: fc.nat(0xffffffff),
    datagram: fc.constant(0n),
  }),
);
