/** The options of a run, checked once. Afterwards the code trusts this type, and nothing is replaced by a default silently. */

import { type Builtin, builtinAskedFor } from '../model/builtin.ts';
import type { CauseCode } from '../model/cause.ts';
import { definedOf } from '../model/defined.ts';
import type { Deployment } from '../model/deployment.ts';
import { type FanoutFlag, type FanoutMode, modeRow } from '../model/fanout.ts';
import { RUN_MS_MAX } from '../model/run-limits.ts';
import type { NicModel } from '../nic/model.ts';
import { packetsMinOf } from '../traffic/classes.ts';
import { framesMax, PACKETS_PER_FLOW_MAX } from '../traffic/limits.ts';
import type { JsonOutput, Pinning, SteeringProgram } from './arguments.ts';
import { checkMachineCanHold, memoryOf, type Ring } from './capacity.ts';
import { parseFlowMemory, workerFlows } from './flow-memory.ts';
import type { Machine } from './machine.ts';
import {
  firstGiven,
  type INJECTIONS,
  LIVE_LIMITS,
  nameOf,
  OF_LAB,
  type OptionKey,
  type RawOptions,
  type Reader,
  readerOf,
} from './table.ts';
import { contradictory, duration, sizeText, usage, wholeNumber } from './values.ts';

export interface LiveSource {
  readonly kind: 'live';
  readonly interface: string;
  readonly promisc: boolean;
}

/** What is common to all that is sent in the lab. */
export interface Sending {
  readonly injection: (typeof INJECTIONS)[number];
  readonly packetsPerSecond: number;
  /** The CPU that sends, and so the one that receives; absent: any. */
  readonly cpu?: number;
  /** So many packets are sent back to back; absent: one at a time. */
  readonly burst?: number;
  /** How often all of it is sent; "endless" until a limit or a signal ends the run. */
  readonly rounds: number | 'endless';
  /** Chooses the receive queue of each packet. */
  readonly nic?: NicModel;
}

export interface LabSource extends Sending {
  readonly kind: 'lab';
  /** Names of traffic classes, which the flows take turns through; absent: the standard mix. */
  readonly traffic?: readonly string[];
  /** Two-way flows that the lab makes up. */
  readonly flows: number;
  /** Packets of each flow and round, both directions together. */
  readonly packetsPerFlow: number;
  /** Receive queues of the interface, where it can have several; both directions of a flow arrive on one. 1 by default. */
  readonly queues?: number;
}

/** The lab, sending what a capture file holds. */
export interface PcapSource extends Sending {
  readonly kind: 'pcap';
  /** "-" is standard input. */
  readonly path: string;
}

type Source = LiveSource | LabSource | PcapSource;

export interface Options {
  readonly source: Source;
  readonly procs: number;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  readonly program?: SteeringProgram;
  /** What of this project takes part in choosing the member. */
  readonly builtin?: Builtin;
  /** Absent: the kernel chooses a free one (PACKET_FANOUT_FLAG_UNIQUEID). */
  readonly groupId?: number;
  readonly filter?: string;
  readonly snaplenBytes: number;
  readonly ring: Ring;
  /** What the collector's flow map may take. */
  readonly flowMemoryBytes: number;
  /** Flows that each worker keeps between two messages. */
  readonly workerFlowsMax: number;
  readonly pin: Pinning;
  /** The run ends at the first limit that is reached. */
  readonly limits: { readonly twoWayFlows?: number; readonly packets?: number; readonly durationMs?: number };
  readonly failFast: boolean;
  readonly statusIntervalMs: number;
  readonly workerTimeoutMs: number;
  readonly seed: number;
  /** Simulated cost of inspecting one packet. */
  readonly workNs: number;
  readonly tolerated: readonly CauseCode[];
  readonly maxLossPercent: number;
  /** DEFRAG although another group exists on this host. */
  readonly force: boolean;
  readonly output: { readonly json: JsonOutput; readonly quiet: boolean; readonly color: boolean };
  /** Whose group it is, where a configuration says so. */
  readonly deployment?: Deployment;
}

export function parseOptions(raw: RawOptions, machine: Machine): Options {
  const read = readerOf(raw, machine);
  const source = parseSource(raw, read);
  const steering = parseSteering(raw, machine);
  const procs = read('procs') ?? Math.max(2, machine.onlineCpus.length);
  const snaplenBytes = read('snaplen');
  const ring = parseRing(raw, read, snaplenBytes, machine);
  checkMachineCanHold(procs, ring.blockBytes * ring.blockCount, machine);
  const needed = memoryOf(procs, ring);
  const flowMemoryBytes = parseFlowMemory(raw.flowMemory, needed, machine);
  return {
    source,
    procs,
    ...steering,
    ...definedOf({ groupId: read('groupId'), filter: read('filter') }),
    snaplenBytes,
    ring,
    flowMemoryBytes,
    workerFlowsMax: workerFlows(flowMemoryBytes, needed, machine, procs),
    pin: read('pin'),
    limits: parseLimits(read, source),
    failFast: read('failFast'),
    statusIntervalMs: read('statusInterval'),
    workerTimeoutMs: read('workerTimeout'),
    seed: read('seed') ?? machine.randomSeed,
    workNs: read('workNs'),
    tolerated: read('tolerate'),
    maxLossPercent: read('maxLoss'),
    force: read('force'),
    output: parseOutput(read),
  };
}

export function parseOutput(read: Reader): Options['output'] {
  return { json: read('json'), quiet: read('quiet'), color: read('color') };
}

const OF_GENERATOR = ['traffic', 'flows', 'packetsPerFlow'] as const satisfies readonly OptionKey[];

function parseSource(raw: RawOptions, read: Reader): Source {
  const device = read('interface');
  if (device === undefined) return raw.pcap === undefined ? parseLab(raw, read) : parsePcap(raw, read);
  const labOption = firstGiven(raw, OF_LAB);
  if (labOption !== undefined) {
    throw contradictory(
      `${nameOf(labOption)} shapes the traffic of the lab, but --interface ${JSON.stringify(raw.interface)} asks for live traffic`,
      'leave one of them out; nothing is ever sent on a live interface',
    );
  }
  return { kind: 'live', interface: device, promisc: raw.promisc ?? true };
}

function parsePcap(raw: RawOptions, read: Reader): PcapSource {
  const path = read('pcap') as string;
  const generatorOption = firstGiven(raw, OF_GENERATOR);
  if (generatorOption !== undefined) {
    throw contradictory(
      `${nameOf(generatorOption)} shapes traffic that the lab makes up, but --pcap replays what was captured`,
      'leave one of them out',
    );
  }
  const sending = parseSending(raw, read);
  if (path === '-' && sending.rounds !== 1) {
    throw contradictory(
      'standard input can be read once, and --rounds or --loop would send it again',
      'save the capture to a file and name that',
    );
  }
  return { kind: 'pcap', path, ...sending };
}

function parseLab(raw: RawOptions, read: Reader): LabSource {
  const sending = parseSending(raw, read);
  const traffic = read('traffic');
  const range = { least: packetsMinOf(traffic ?? []), most: PACKETS_PER_FLOW_MAX };
  const flows = read('flows');
  const packetsPerFlow = wholeNumber(nameOf('packetsPerFlow'), String(read('packetsPerFlow')), range);
  if (flows * packetsPerFlow > framesMax())
    throw contradictory(
      `${flows} flows of ${packetsPerFlow} packets are more than the ${framesMax()} packets that the lab can hold`,
      'make up fewer, and send them more often with --rounds',
    );
  return { kind: 'lab', ...definedOf({ traffic }), flows, packetsPerFlow, ...sending };
}

function parseSending(raw: RawOptions, read: Reader): Sending {
  if (raw.promisc !== undefined) {
    throw contradictory(
      `--${raw.promisc ? '' : 'no-'}promisc is about a live interface, and the lab has none`,
      'leave it out or name an --interface',
    );
  }
  if (raw.loop === true && raw.rounds !== undefined)
    throw contradictory('--loop sends for ever, --rounds a number of times', 'give one of them');
  if (raw.nic !== undefined && raw.labInterface === 'veth')
    throw contradictory('--nic spreads packets over receive queues, and a veth pair of the lab has one', 'use --lab-interface tap');
  return {
    injection: read('labInterface'),
    packetsPerSecond: read('rate'),
    rounds: read('loop') ? 'endless' : read('rounds'),
    ...definedOf({ burst: read('burst'), nic: read('nic') }),
  };
}

/** What decides which member gets a packet. */
export type Steering = Pick<Options, 'mode' | 'flags' | 'program' | 'builtin'>;

export function parseSteering(typed: RawOptions, machine: Machine): Steering {
  const raw = withBuiltin(typed, machine);
  const read = readerOf(raw, machine);
  const mode = read('mode');
  const rollover = read('rollover');
  if (modeRow(mode).refusesRollover === true && rollover)
    throw contradictory('mode rollover with the flag --rollover: the kernel refuses the pair (EINVAL)', 'leave --rollover out');
  const flags: readonly FanoutFlag[] = [
    ...(rollover ? (['rollover'] as const) : []),
    ...(read('ignoreOutgoing') ? (['ignore-outgoing'] as const) : []),
    ...(read('defrag') ? (['defrag'] as const) : []),
  ];
  const builtin = builtinAskedFor(mode, (option) => raw[option as OptionKey]);
  checkDissector(raw, mode, read);
  return { mode, flags, ...definedOf({ program: parseProgram(raw, mode, read), builtin }) };
}

/** On a live interface it would steer the groups of others, too. */
function checkDissector(raw: RawOptions, mode: FanoutMode, read: Reader): void {
  if (read('dissector') === undefined) return;
  if (mode !== 'hash') throw contradictory(`--dissector has no effect in mode ${mode}`, 'use --mode hash, or leave it out');
  if (raw.interface !== undefined)
    throw contradictory(
      '--dissector is for the lab: on a live interface it would steer the groups of all programs',
      'attach it there to stay: sudo fanout-cluster cure --hash; a live run goes by it, too',
    );
}

/** Mode ebpf without a program has the built-in one. */
function withBuiltin(raw: RawOptions, machine: Machine): RawOptions {
  const isBare = raw.ebpfProgram === undefined && readerOf(raw, machine)('mode') === 'ebpf';
  return isBare ? { ...raw, ebpfProgram: 'builtin' } : raw;
}

const PROGRAM_OPTIONS = { cbpf: 'cbpfProgram', ebpf: 'ebpfProgram' } as const;

function parseProgram(raw: RawOptions, mode: FanoutMode, read: Reader): SteeringProgram | undefined {
  for (const kind of ['cbpf', 'ebpf'] as const) {
    const isGiven = raw[PROGRAM_OPTIONS[kind]] !== undefined;
    if (isGiven && mode !== kind)
      throw contradictory(`--${kind}-program has no effect in mode ${mode}`, `use --mode ${kind} or leave the program out`);
    if (!isGiven && mode === kind) {
      throw contradictory(
        `mode ${kind} without a program: the kernel would send every packet to the first member, and every flow would look well kept`,
        `give --${kind}-program, or test just that with --${kind}-program none`,
      );
    }
  }
  return read('cbpfProgram') ?? read('ebpfProgram');
}

/** Headers that the kernel puts before a packet in a block (block descriptor, tpacket3_hdr, sockaddr_ll, alignment), rounded up. */
const PACKET_OVERHEAD_BYTES = 256;

function parseRing(raw: RawOptions, read: Reader, snaplenBytes: number, { pageBytes }: Machine): Ring {
  const blockBytes = read('blockSize');
  const ringBytes = read('ringSize');
  if (blockBytes % pageBytes !== 0) throw usage('--block-size', raw.blockSize, `a multiple of the page size (${sizeText(pageBytes)})`);
  if (ringBytes % blockBytes !== 0 || ringBytes < 2 * blockBytes) {
    throw contradictory(
      `--ring-size ${sizeText(ringBytes)} is not two or more whole blocks of ${sizeText(blockBytes)}`,
      `give ${sizeText(Math.max(2, Math.round(ringBytes / blockBytes)) * blockBytes)}, or another --block-size; with one block the kernel could not write while a worker reads`,
    );
  }
  if (blockBytes < snaplenBytes + PACKET_OVERHEAD_BYTES) {
    throw contradictory(
      `--block-size ${sizeText(blockBytes)} has no room for a packet of --snaplen ${snaplenBytes}`,
      `give a --block-size of at least ${sizeText(Math.ceil((snaplenBytes + PACKET_OVERHEAD_BYTES) / pageBytes) * pageBytes)}`,
    );
  }
  return { blockBytes, blockCount: ringBytes / blockBytes, blockTimeoutMs: read('blockTimeout') };
}

function parseLimits(read: Reader, source: Source): Options['limits'] {
  const limits = definedOf({ twoWayFlows: read('maxFlows'), packets: read('maxPackets'), durationMs: read('duration') });
  if (source.kind !== 'live' || Object.keys(limits).length > 0) return limits;
  const { twoWayFlows, duration: text } = LIVE_LIMITS;
  return { twoWayFlows, durationMs: duration('--duration', text, { least: 1, most: RUN_MS_MAX }) };
}
