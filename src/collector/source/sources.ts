/** Where packets come from: a live interface, or the lab with its own interface, and traffic of its own or of a capture file. */

import type { FrameCollector } from '../../addon/frame-collector.ts';
import type { LinkHelper } from '../../addon/helper.ts';
import type { FrameSet, InjectCounters, Injector } from '../../addon/injector.ts';
import { native } from '../../addon/native.ts';
import type { CaptureInput } from '../../capture-file/input.ts';
import { Replay, type ReplayPlan, SEGMENT_BYTES } from '../../capture-file/replay.ts';
import { FanoutError } from '../../errors.ts';
import type { LabNetwork } from '../../lab/network.ts';
import type { Finding } from '../../model/finding.ts';
import type { NicFacts } from '../../model/run-facts.ts';
import { flowRoomIn } from '../../model/run-limits.ts';
import type { SourceInfo } from '../../model/run-result.ts';
import { isSymmetric, type NicModel } from '../../nic/model.ts';
import { allowedCpus } from '../../options/machine.ts';
import type { LabSource, LiveSource, Options, PcapSource, Sending } from '../../options/options.ts';
import { type FlowTruth, generateTraffic, type Traffic } from '../../traffic/traffic.ts';
import { badCapture } from '../words/capture-file.ts';
import { freshHashSeed, noFlowTable } from './flow-table.ts';
import { checkLiveInterface, describe } from './live-interface.ts';

export interface PacketSource {
  readonly info: SourceInfo;
  readonly nic?: NicFacts;
  readonly interface: string;
  readonly ifindex: number;
  readonly loopback: boolean;
  /** Of a live interface. */
  readonly mtu?: number;
  /** Of a capture file: the time of its packets, which a replay does not keep, under the seed that the workers have to have. */
  readonly original?: Original;
  /** Resolves when no more packets will come by themselves; never for live traffic. Rejects if sending failed. */
  readonly ended: Promise<void>;
  /** Makes ready what start() will send; takes a while in the lab, and nothing is sent yet. */
  prepare(): void;
  start(): void;
  /** Sends by another plan than that of the options, as often as one likes; resolves when all is out, or stop() was called. Not for live traffic. */
  send(plan: SendPlan): Promise<void>;
  /** Takes the link down and up again, while nothing is sent. Not for live traffic. */
  flapLink(): Promise<void>;
  /** Stops sending and waits until the last packet is out. */
  stop(): Promise<void>;
  /** Packets sent so far; undefined where nobody knows. */
  offered(): number | undefined;
  /** Mean rate while they were sent; undefined where nobody knows. */
  offeredPerSecond(): number | undefined;
  /** What flows the packets belong to, and what kind of traffic each is; none where nobody knows. */
  truth(): readonly FlowTruth[];
  /** What is to be said about it beside the evidence. */
  warnings(): readonly Finding[];
  close(): Promise<void>;
}

export interface Original {
  readonly hashSeed: bigint;
  readonly replayed: FrameCollector;
}

/** What was opened for it before, while there were privileges. */
export interface OpenedSource {
  /** Of the lab. */
  readonly network?: LabNetwork;
  /** What --pcap names. */
  readonly capture?: CaptureInput;
  /** What takes the link down and up. */
  readonly link?: LinkHelper;
}

export type SendPlan = Pick<Sending, 'rounds' | 'packetsPerSecond'>;

/** @param signal ends the wait for a capture that comes through a pipe */
export async function openSource(options: Options, opened: OpenedSource, signal: AbortSignal): Promise<PacketSource> {
  const { source } = options;
  switch (source.kind) {
    case 'live':
      return openLive(source);
    case 'lab':
      return openLab(source, options, opened);
    case 'pcap':
      return openPcap(source, options, opened, signal);
  }
}

function openLive(source: LiveSource): PacketSource {
  const { name, index, loopback, mtu } = checkLiveInterface(source.interface);
  return {
    info: { kind: 'live', interface: name },
    interface: name,
    ifindex: index,
    loopback,
    mtu,
    ended: new Promise(() => {}),
    prepare: () => {},
    start: () => {},
    send: notOnLive,
    flapLink: notOnLive,
    stop: async () => {},
    offered: () => undefined,
    offeredPerSecond: () => undefined,
    truth: () => [],
    warnings: () => [],
    close: async () => {},
  };
}

async function notOnLive(): Promise<never> {
  throw new TypeError('nothing is ever sent or changed on a live interface');
}

/** What is sent on the lab's interface. */
interface Sender {
  /** Frames are made while the workers boot. */
  prepare(): void;
  run(plan: ReplayPlan): Promise<unknown>;
  stop(): void;
  offered(): number;
  offeredPerSecond(): number | undefined;
  truth(): readonly FlowTruth[];
  warnings(): readonly Finding[];
  close(): Promise<void>;
}

async function openLab(source: LabSource, options: Options, opened: OpenedSource): Promise<PacketSource> {
  const { traffic, flows, packetsPerFlow, nic } = source;
  const network = networkIn(opened);
  const shape = {
    seed: options.seed,
    flows,
    packetsPerFlow,
    queues: network.queues,
    ...(traffic === undefined ? {} : { classes: traffic }),
  };
  let injector: Injector | undefined;
  let sent: Traffic | undefined;
  /** The injector counts anew each time. */
  let sentBefore = 0;
  let isSending = false;
  const sender: Sender = {
    prepare: () => {
      sent = generateTraffic(shape);
      injector = network.createInjector(nic === undefined ? sent : spread(sent, nic));
    },
    run: async (plan) => {
      const ready = prepared(injector);
      isSending = true;
      try {
        await ready.run(plan);
      } finally {
        isSending = false;
        sentBefore += ready.counters.packets;
      }
    },
    stop: () => injector?.stop(),
    offered: () => sentBefore + (isSending ? (injector?.counters.packets ?? 0) : 0),
    offeredPerSecond: () => (injector === undefined ? undefined : rateOf(injector.counters)),
    truth: () => sent?.flows ?? [],
    warnings: () => [],
    close: async () => {},
  };
  const info = { kind: 'lab', seed: options.seed, ...(traffic === undefined ? {} : { traffic }) } as const;
  return sendingSource(info, network, sender, source, options, opened);
}

async function openPcap(source: PcapSource, options: Options, opened: OpenedSource, signal: AbortSignal): Promise<PacketSource> {
  if (opened.capture === undefined) throw new TypeError('the capture file was not opened');
  const network = networkIn(opened);
  const hashSeed = freshHashSeed();
  const replayed = createFrameCollector(network, source, options, hashSeed);
  const sender = await replaySender(opened.capture, network, replayed, signal);
  const info = { kind: 'pcap', seed: options.seed, pcap: source.path } as const;
  return { ...sendingSource(info, network, sender, source, options, opened), original: { hashSeed, replayed } };
}

function networkIn({ network }: OpenedSource): LabNetwork {
  if (network === undefined) throw new TypeError('there is no lab');
  return network;
}

function createFrameCollector({ queues }: LabNetwork, { nic }: Sending, options: Options, hashSeed: bigint): FrameCollector {
  const { seed, flags, flowMemoryBytes } = options;
  const spreading = nic === undefined ? {} : { nic: new native.Nic(nic) };
  const original = { hashSeed, defrag: flags.includes('defrag'), flowsMax: flowRoomIn(flowMemoryBytes).flowsMax };
  try {
    return new native.FrameCollector({ segmentBytes: SEGMENT_BYTES, queues, seed, original, ...spreading });
  } catch (cause) {
    throw noFlowTable(flowMemoryBytes, cause);
  }
}

async function replaySender(input: CaptureInput, network: LabNetwork, collector: FrameCollector, signal: AbortSignal): Promise<Sender> {
  const replay = await Replay.open(input, collector, signal);
  if (!(replay instanceof Replay)) throw badCapture(replay);
  let injector: Injector | undefined;
  return {
    prepare: () => {
      injector = network.createInjector();
    },
    run: (plan) => replay.run(prepared(injector), plan),
    stop: () => replay.stop(),
    offered: () => replay.offered,
    // The injector's time is that of its last segment, and between two it waits for the file.
    offeredPerSecond: () => undefined,
    truth: () => [],
    warnings: () => replay.warnings,
    close: () => replay.close(),
  };
}

function prepared(injector: Injector | undefined): Injector {
  if (injector === undefined) throw new TypeError('the source was not prepared');
  return injector;
}

function rateOf({ packets, elapsedMs }: InjectCounters): number | undefined {
  return elapsedMs === 0 ? undefined : Math.round((packets * 1000) / elapsedMs);
}

function spread({ frames, offsets, tags }: Traffic, nic: NicModel): FrameSet {
  return { frames, offsets, tags, queues: new native.Nic(nic).spread(frames, offsets) };
}

function factsOf(nic: NicModel): NicFacts {
  return { name: nic.name, queues: nic.queues, isSymmetric: isSymmetric(nic), hashesPorts: nic.ports.length > 0 };
}

function sendingSource(
  info: Omit<SourceInfo, 'interface'>,
  network: LabNetwork,
  sender: Sender,
  { packetsPerSecond, rounds, burst, nic, cpu }: Sending,
  { mode }: Options,
  { link }: OpenedSource,
): PacketSource {
  const { promise: ended, resolve, reject } = settleable();
  let running: Promise<void> = Promise.resolve();
  const halt = (): Promise<void> => {
    sender.stop();
    return running;
  };
  const send = ({ rounds: times, packetsPerSecond: rate }: SendPlan): Promise<void> => {
    // The sender's CPU is the one that receives. Should the scheduler move it, mode cpu would part flows in the lab that no NIC would.
    const pinned =
      nic !== undefined ? { queueCpus: allowedCpus() } : cpu !== undefined ? { cpu } : mode === 'cpu' ? { cpu: allowedCpus()[0] ?? 0 } : {};
    const plan = { rounds: times === 'endless' ? 0 : times, packetsPerSecond: rate, ...(burst === undefined ? {} : { burst }), ...pinned };
    const sending = sender.run(plan);
    running = sending.then(
      () => undefined,
      () => undefined,
    );
    return sending.then(
      () => undefined,
      (cause: Error) => Promise.reject(sendingFailed(network.interface, cause)),
    );
  };
  return {
    info: { ...info, interface: network.interface, injection: network.injection, ...(nic === undefined ? {} : { nic: nic.text }) },
    ...(nic === undefined ? {} : { nic: factsOf(nic) }),
    interface: network.interface,
    ifindex: describe(network.interface).index,
    loopback: false,
    ended,
    prepare: () => sender.prepare(),
    start: () => void send({ rounds, packetsPerSecond }).then(resolve, reject),
    send,
    flapLink: async () => {
      if (link === undefined) throw new TypeError('nobody was kept who may change the link');
      link.flap();
    },
    stop: halt,
    offered: () => sender.offered(),
    offeredPerSecond: () => sender.offeredPerSecond(),
    truth: () => sender.truth(),
    warnings: () => sender.warnings(),
    close: async () => {
      await halt();
      await sender.close();
    },
  };
}

interface Settleable {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function settleable(): Settleable {
  let resolve = (): void => {};
  let reject = (_: Error): void => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // A failure is reported by whoever waits; if nobody does any more, it must not end the process.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

function sendingFailed(interfaceName: string, cause: Error): FanoutError {
  return new FanoutError(
    'LAB_FAILED',
    `the lab could not send on ${interfaceName}: ${cause.message}`,
    'start again; if it persists, try --lab-interface veth',
    {
      cause,
    },
  );
}
