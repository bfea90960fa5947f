/** The options of `run`, checked once. Afterwards the code trusts this type, and nothing is replaced by a default silently. */
import { FanoutError } from '../errors.ts';
import { CAUSE_CODES, type CauseCode } from '../model/cause.ts';
import { FANOUT_MODE_NAMES, type FanoutFlag, type FanoutMode, fanoutModeCalled, MEMBERS_MAX } from '../model/fanout.ts';
import { FLOW_MEMORY_MIN, RUN_MS_MAX } from '../model/run-limits.ts';
import type { NicModel } from '../nic/model.ts';
import { classesSelectedBy, packetsMinOf } from '../traffic/classes.ts';
import { FLOWS_MAX, framesMax, PACKETS_PER_FLOW_MAX } from '../traffic/limits.ts';
import { CBPF_TEXT_MAX, type CbpfInstruction, parseCbpf } from './cbpf.ts';
import { type NeededMemory, parseFlowMemory, workerFlows } from './flow-memory.ts';
import { type Machine, parseCpuList, SEED_MAX } from './machine.ts';
import { parseNic } from './nic.ts';
import { byteSize, decimal, duration, oneOf, sizeText, usage, wholeNumber } from './values.ts';

export interface LiveSource {
  readonly kind: 'live';
  readonly interface: string;
  readonly promisc: boolean;
}

export const INJECTIONS = ['auto', 'tap', 'veth'] as const;
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

export type Pinning =
  | { readonly kind: 'none' }
  /** Member i on online CPU i modulo their number. */
  | { readonly kind: 'auto' }
  /** Member i on cpus[i modulo length]. */
  | { readonly kind: 'list'; readonly cpus: readonly number[] };

/** What steers modes cbpf and ebpf. */
export type SteeringProgram =
  /** Asked for: what an IDS gets that sets the mode and attaches no program. */
  | { readonly kind: 'none' }
  | { readonly kind: 'cbpf'; readonly file: string; readonly instructions: readonly CbpfInstruction[] }
  /** A pinned program (on a BPF file system) or an object file. */
  | { readonly kind: 'ebpf'; readonly path: string };

export type JsonOutput = { readonly kind: 'none' } | { readonly kind: 'stdout' } | { readonly kind: 'file'; readonly path: string };

export interface Options {
  readonly source: Source;
  readonly procs: number;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  readonly program?: SteeringProgram;
  /** Absent: the kernel chooses a free one (PACKET_FANOUT_FLAG_UNIQUEID). */
  readonly groupId?: number;
  readonly filter?: string;
  readonly snaplenBytes: number;
  readonly ring: { readonly blockBytes: number; readonly blockCount: number; readonly blockTimeoutMs: number };
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
}

/** What commander hands over: text as typed, true for a flag, and for options whose value is optional either. */
export interface RawOptions {
  readonly interface?: string;
  readonly pcap?: string;
  readonly procs?: string;
  readonly mode?: string;
  readonly defrag?: boolean;
  readonly rollover?: boolean;
  readonly ignoreOutgoing?: boolean;
  readonly groupId?: string;
  readonly cbpfProgram?: string;
  readonly ebpfProgram?: string;
  readonly filter?: string;
  readonly snaplen?: string;
  readonly ringSize?: string;
  readonly blockSize?: string;
  readonly blockTimeout?: string;
  readonly flowMemory?: string;
  readonly promisc?: boolean;
  readonly pin?: string | boolean;
  readonly maxFlows?: string;
  readonly maxPackets?: string;
  readonly duration?: string;
  readonly failFast?: boolean;
  readonly statusInterval?: string;
  readonly workerTimeout?: string;
  readonly seed?: string;
  readonly workNs?: string;
  readonly tolerate?: readonly string[];
  readonly maxLoss?: string;
  readonly force?: boolean;
  readonly labInterface?: string;
  readonly traffic?: string;
  readonly flows?: string;
  readonly packetsPerFlow?: string;
  readonly rate?: string;
  readonly rounds?: string;
  readonly burst?: string;
  readonly nic?: string;
  readonly loop?: boolean;
  readonly json?: string | boolean;
  readonly quiet?: boolean;
  readonly color?: boolean;
}

/** As text, for the parsers and for --help. */
export const DEFAULTS = {
  mode: 'hash',
  snaplen: '192',
  ringSize: '4M',
  /** A block is handed over when its time is up, however little is in it: few blocks are soon full while a busy host keeps a worker waiting. */
  blockSize: '128K',
  blockTimeout: '10',
  statusInterval: '1s',
  workerTimeout: '10s',
  workNs: '0',
  maxLoss: '1',
  labInterface: 'auto',
  flows: '500',
  packetsPerFlow: '6',
  rate: '50000',
  rounds: '1',
  /** A live run without any limit ends at the first of these; the lab ends with its traffic. */
  liveFlows: 1000,
  liveDuration: '60s',
} as const;

/** A worker reports every 100 ms, and a busy host may keep it waiting for several of them. */
const WORKER_TIMEOUT_MS_MIN = 500;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;
const BLOCK_BYTES_MAX = 1 << 30;
const RING_BYTES_MAX = 4 * 2 ** 30;

export function parseOptions(raw: RawOptions, machine: Machine): Options {
  const source = parseSource(raw, machine);
  const { mode, flags, program } = parseSteering(raw, machine);
  const procs =
    raw.procs === undefined ? Math.max(2, machine.onlineCpus.length) : wholeNumber('--procs', raw.procs, { least: 1, most: MEMBERS_MAX });
  const snaplenBytes = wholeNumber('--snaplen', raw.snaplen ?? DEFAULTS.snaplen, { least: 64, most: 65535 });
  const ring = parseRing(raw, snaplenBytes, machine);
  checkMachineCanHold(procs, ring.blockBytes * ring.blockCount, machine);
  const needed = memoryOf(procs, ring);
  const flowMemoryBytes = parseFlowMemory(raw.flowMemory, needed, machine);
  return {
    source,
    procs,
    mode,
    flags,
    ...(program === undefined ? {} : { program }),
    ...(raw.groupId === undefined ? {} : { groupId: wholeNumber('--group-id', raw.groupId, { least: 1, most: 65535 }) }),
    ...(raw.filter === undefined ? {} : { filter: parseFilter(raw.filter) }),
    snaplenBytes,
    ring,
    flowMemoryBytes,
    workerFlowsMax: workerFlows(flowMemoryBytes, needed, machine, procs),
    pin: parsePin(raw.pin, machine),
    limits: parseLimits(raw, source),
    failFast: raw.failFast ?? false,
    statusIntervalMs: duration('--status-interval', raw.statusInterval ?? DEFAULTS.statusInterval, { least: 100, most: 3_600_000 }),
    workerTimeoutMs: duration('--worker-timeout', raw.workerTimeout ?? DEFAULTS.workerTimeout, {
      least: WORKER_TIMEOUT_MS_MIN,
      most: 600_000,
    }),
    seed: raw.seed === undefined ? machine.randomSeed : wholeNumber('--seed', raw.seed, { least: 0, most: SEED_MAX }),
    workNs: wholeNumber('--work-ns', raw.workNs ?? DEFAULTS.workNs, { least: 0, most: 1_000_000_000 }),
    tolerated: [...new Set((raw.tolerate ?? []).map((code) => oneOf('--tolerate', code, CAUSE_CODES)))],
    maxLossPercent: decimal('--max-loss', raw.maxLoss ?? DEFAULTS.maxLoss, { least: 0, most: 100 }),
    force: raw.force ?? false,
    output: { json: parseJsonOutput(raw.json), quiet: raw.quiet ?? false, color: raw.color ?? true },
  };
}

function parseSource(raw: RawOptions, machine: Machine): Source {
  if (raw.interface === undefined) return raw.pcap === undefined ? parseLab(raw, machine) : parsePcap(raw.pcap, raw, machine);
  const labOption = given({
    '--pcap': raw.pcap,
    '--lab-interface': raw.labInterface,
    '--traffic': raw.traffic,
    '--flows': raw.flows,
    '--packets-per-flow': raw.packetsPerFlow,
    '--rate': raw.rate,
    '--rounds': raw.rounds,
    '--loop': raw.loop,
    '--burst': raw.burst,
    '--nic': raw.nic,
  });
  if (labOption !== undefined) {
    throw contradictory(
      `${labOption} shapes the traffic of the lab, but --interface ${JSON.stringify(raw.interface)} asks for live traffic`,
      'leave one of them out; nothing is ever sent on a live interface',
    );
  }
  return { kind: 'live', interface: parseInterface(raw.interface), promisc: raw.promisc ?? true };
}

function parsePcap(path: string, raw: RawOptions, machine: Machine): PcapSource {
  if (path === '' || path.includes('\0')) throw usage('--pcap', path, 'the path of a capture file, or - for standard input');
  const generatorOption = given({ '--traffic': raw.traffic, '--flows': raw.flows, '--packets-per-flow': raw.packetsPerFlow });
  if (generatorOption !== undefined) {
    throw contradictory(
      `${generatorOption} shapes traffic that the lab makes up, but --pcap replays what was captured`,
      'leave one of them out',
    );
  }
  const sending = parseSending(raw, machine);
  if (path === '-' && sending.rounds !== 1) {
    throw contradictory(
      'standard input can be read once, and --rounds or --loop would send it again',
      'save the capture to a file and name that',
    );
  }
  return { kind: 'pcap', path, ...sending };
}

function parseLab(raw: RawOptions, machine: Machine): LabSource {
  const sending = parseSending(raw, machine);
  const traffic = raw.traffic === undefined ? undefined : parseClasses('--traffic', raw.traffic);
  const packets = { least: packetsMinOf(traffic ?? []), most: PACKETS_PER_FLOW_MAX };
  const flows = wholeNumber('--flows', raw.flows ?? DEFAULTS.flows, { least: 1, most: FLOWS_MAX });
  const packetsPerFlow = wholeNumber('--packets-per-flow', raw.packetsPerFlow ?? DEFAULTS.packetsPerFlow, packets);
  if (flows * packetsPerFlow > framesMax())
    throw contradictory(
      `${flows} flows of ${packetsPerFlow} packets are more than the ${framesMax()} packets that the lab can hold`,
      'make up fewer, and send them more often with --rounds',
    );
  return { kind: 'lab', ...(traffic === undefined ? {} : { traffic }), flows, packetsPerFlow, ...sending };
}

function parseSending(raw: RawOptions, machine: Machine): Sending {
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
    injection: oneOf('--lab-interface', raw.labInterface ?? DEFAULTS.labInterface, INJECTIONS),
    packetsPerSecond: wholeNumber('--rate', raw.rate ?? DEFAULTS.rate, { least: 1, most: 1_000_000_000 }),
    rounds: raw.loop === true ? 'endless' : wholeNumber('--rounds', raw.rounds ?? DEFAULTS.rounds, { least: 1, most: 1_000_000_000 }),
    ...(raw.burst === undefined ? {} : { burst: wholeNumber('--burst', raw.burst, { least: 1, most: 1_000_000 }) }),
    ...(raw.nic === undefined ? {} : { nic: parseNic(raw.nic, machine) }),
  };
}

/** More than there are classes and groups. Each may be a pattern that is tried on all of them, for each run of a comparison. */
const CLASS_NAMES_MAX = 256;

/** Each class once, in the order in which they are named. */
export function parseClasses(option: string, list: string): readonly string[] {
  const names = [...new Set(list.split(','))];
  if (names.length > CLASS_NAMES_MAX)
    throw new FanoutError(
      'USAGE',
      `${option}: ${names.length} names of traffic classes, and at most ${CLASS_NAMES_MAX} are taken`,
      'name groups instead, or use patterns such as "vlan*"; see fanout-cluster --traffic list',
    );
  const selected = names.flatMap((name) => {
    const classes = classesSelectedBy(name);
    if (classes.length === 0)
      throw new FanoutError(
        'USAGE',
        `${option}: no traffic class or group is called ${JSON.stringify(name)}`,
        'see fanout-cluster --traffic list; several are separated by commas, and a * stands for any part of a name',
      );
    return classes;
  });
  return [...new Set(selected)];
}

/**
 * What dev_valid_name() in net/core/dev.c accepts: no slash, colon or white space, not "." or "..". A name has 15 bytes at most, an alternative
 * name 127 (ALTIFNAMSIZ). Zeek's configurations put the name of its plugin before it.
 */
function parseInterface(typed: string): string {
  const name = typed.replace(/^af_packet::/i, '');
  const isValid = Buffer.byteLength(name) <= 127 && /^[^\s/:\p{Cc}]+$/u.test(name) && name !== '.' && name !== '..';
  if (!isValid) throw usage('--interface', typed, 'the name of a network interface (1 to 127 bytes without "/", ":" and white space)');
  return name;
}

function parseSteering(raw: RawOptions, machine: Machine): { mode: FanoutMode; flags: readonly FanoutFlag[]; program?: SteeringProgram } {
  const asked = raw.mode ?? DEFAULTS.mode;
  const mode = fanoutModeCalled(asked) ?? oneOf('--mode', asked, FANOUT_MODE_NAMES);
  if (mode === 'rollover' && raw.rollover === true) {
    throw contradictory('mode rollover with the flag --rollover: the kernel refuses the pair (EINVAL)', 'leave --rollover out');
  }
  const flags: readonly FanoutFlag[] = [
    ...(raw.rollover === true ? (['rollover'] as const) : []),
    ...(raw.ignoreOutgoing === true ? (['ignore-outgoing'] as const) : []),
    ...(raw.defrag === true ? (['defrag'] as const) : []),
  ];
  const program = parseProgram(raw, mode, machine);
  return program === undefined ? { mode, flags } : { mode, flags, program };
}

function parseProgram(raw: RawOptions, mode: FanoutMode, machine: Machine): SteeringProgram | undefined {
  const programs = { cbpf: raw.cbpfProgram, ebpf: raw.ebpfProgram };
  for (const kind of ['cbpf', 'ebpf'] as const) {
    if (programs[kind] !== undefined && mode !== kind) {
      throw contradictory(`--${kind}-program has no effect in mode ${mode}`, `use --mode ${kind} or leave the program out`);
    }
    if (programs[kind] === undefined && mode === kind) {
      throw contradictory(
        `mode ${kind} without a program: the kernel would send every packet to the first member, and every flow would look well kept`,
        `give --${kind}-program, or test just that with --${kind}-program none`,
      );
    }
  }
  // A file of this name is "./none".
  if (programs.cbpf === 'none' || programs.ebpf === 'none') return { kind: 'none' };
  if (programs.cbpf !== undefined) return { kind: 'cbpf', file: programs.cbpf, instructions: readCbpf(programs.cbpf, machine) };
  if (programs.ebpf === '') throw usage('--ebpf-program', '', 'a path');
  return programs.ebpf === undefined ? undefined : { kind: 'ebpf', path: programs.ebpf };
}

function readCbpf(file: string, machine: Machine): readonly CbpfInstruction[] {
  try {
    return parseCbpf(machine.readText(file, CBPF_TEXT_MAX + 1), file);
  } catch (cause) {
    if (cause instanceof FanoutError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FanoutError(
      'BAD_PROGRAM',
      `--cbpf-program: cannot read ${file}: ${why}`,
      `name a readable text file of at most ${CBPF_TEXT_MAX} bytes`,
      { cause },
    );
  }
}

/** Longer expressions do not fit one command-line argument (MAX_ARG_STRLEN), and tcpdump takes them as one. */
const FILTER_BYTES_MAX = 128 * 1024 - 1;

function parseFilter(filter: string): string {
  const flaw = flawOf(filter);
  if (flaw !== undefined)
    throw new FanoutError('BAD_FILTER', `--filter: ${flaw}`, 'give a pcap filter, such as "tcp port 443", or leave --filter out');
  return filter;
}

function flawOf(filter: string): string | undefined {
  if (filter.trim() === '') return 'the expression is empty';
  if (filter.includes('\0')) return 'the expression has a NUL in it';
  const bytes = Buffer.byteLength(filter);
  return bytes > FILTER_BYTES_MAX ? `the expression has ${bytes} bytes, and ${FILTER_BYTES_MAX} are the most` : undefined;
}

/** Headers that the kernel puts before a packet in a block (block descriptor, tpacket3_hdr, sockaddr_ll, alignment), rounded up. */
const PACKET_OVERHEAD_BYTES = 256;

function parseRing(raw: RawOptions, snaplenBytes: number, { pageBytes }: Machine): Options['ring'] {
  const blockBytes = byteSize('--block-size', raw.blockSize ?? DEFAULTS.blockSize, { least: pageBytes, most: BLOCK_BYTES_MAX });
  const ringBytes = byteSize('--ring-size', raw.ringSize ?? DEFAULTS.ringSize, { least: pageBytes, most: RING_BYTES_MAX });
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
  const blockTimeoutMs = wholeNumber('--block-timeout', raw.blockTimeout ?? DEFAULTS.blockTimeout, { least: 1, most: 10_000 });
  return { blockBytes, blockCount: ringBytes / blockBytes, blockTimeoutMs };
}

/** Private memory of one worker process beside its ring, measured on Linux 6.18 with Node 20 and rounded up. */
const WORKER_BYTES = 8 * 2 ** 20;
/** Threads of one worker: Node's own four and the capture thread. */
const WORKER_TASKS = 5;
/** What the collector grows by after its start, measured in the same way: memory beside the flow map, and threads, helpers among them. */
const COLLECTOR_BYTES = 24 * 2 ** 20;
const COLLECTOR_TASKS = 8;
/** By how much the memory differs that this program has taken by now, from one start to the next: advice must hold for the next. */
const START_SPREAD_BYTES = 8 * 2 ** 20;
/** Descriptors of the collector for each worker: its standard error, what descriptors go by; for each group its connection, and its packet socket. */
const WORKER_DESCRIPTORS = 2;
const GROUP_DESCRIPTORS = 2;
/** For itself: Node's own, and files. */
const OWN_DESCRIPTORS = 40;
/** Descriptions of programs, filters and texts from pipes, for the program that replaces this one. */
const FILE_BYTES_MIN = 4 * 2 ** 20;

/** What is needed beside the flow map. */
export function memoryOf(procs: number, { blockBytes, blockCount }: Options['ring'], groups = 1): NeededMemory {
  return { charged: procs * WORKER_BYTES, rings: procs * groups * blockBytes * blockCount };
}

/**
 * Ring memory is charged to no limit of the process (vzalloc without __GFP_ACCOUNT): without this guard the host would run out of it.
 * @param groups of which each process holds a member, each with a ring, a thread and a connection
 */
export function checkMachineCanHold(
  procs: number,
  ringBytes: number,
  { memAvailableBytes, memChargeableBytes, tasksMax, tasksLeft, descriptorsMax, fileBytesMax }: Machine,
  groups = 1,
): void {
  const ringsOfEach = groups * ringBytes;
  const needed = procs * (ringsOfEach + WORKER_BYTES);
  const tasks = WORKER_TASKS + groups - 1;
  if (needed > memAvailableBytes) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes need ${mebibytes(needed)}: rings of ${mebibytes(ringsOfEach)} each, ${mebibytes(procs * ringsOfEach)} together, and ${mebibytes(WORKER_BYTES)} of memory each; ${mebibytes(memAvailableBytes)} are available`,
      'use fewer --procs or a smaller --ring-size',
    );
  }
  const charged = procs * WORKER_BYTES + COLLECTOR_BYTES + FLOW_MEMORY_MIN;
  if (charged > memChargeableBytes) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes need about ${mebibytes(WORKER_BYTES)} each, and the collector ${mebibytes(charged - procs * WORKER_BYTES)}: ${mebibytes(charged)} together; the memory control group leaves ${wholeMebibytes(memChargeableBytes)}`,
      fewerProcs(
        Math.floor((memChargeableBytes - START_SPREAD_BYTES - (charged - procs * WORKER_BYTES)) / WORKER_BYTES),
        'raise its limit (MemoryMax= of the unit, --memory of the container; memory.max and memory.high, in version 1 memory.limit_in_bytes)',
      ),
    );
  }
  if (procs * tasks + COLLECTOR_TASKS > tasksLeft) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes and the collector need ${procs * tasks + COLLECTOR_TASKS} more threads, and the control group allows ${tasksLeft} more (pids.max)`,
      fewerProcs(
        Math.floor((tasksLeft - COLLECTOR_TASKS) / tasks),
        'raise its limit (TasksMax= of the unit, --pids-limit of the container)',
      ),
    );
  }
  if (procs * tasks > tasksMax) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes have ${procs * tasks} threads, and this host or user may have ${tasksMax}`,
      'use fewer --procs, or raise what is too low: ulimit -u, kernel.pid_max, kernel.threads-max',
    );
  }
  if (fileBytesMax < FILE_BYTES_MIN) {
    throw new FanoutError(
      'TOO_LARGE',
      `files may have ${fileBytesMax} bytes, and what this program hands on to itself, in files in memory, may take ${mebibytes(FILE_BYTES_MIN)}`,
      'raise the limit (ulimit -f unlimited; LimitFSIZE= of the unit)',
    );
  }
  const descriptors = procs * (WORKER_DESCRIPTORS + groups * GROUP_DESCRIPTORS) + OWN_DESCRIPTORS;
  if (descriptors > descriptorsMax) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes need about ${descriptors} file descriptors, and this process may have ${descriptorsMax}`,
      'use fewer --procs, or raise the limit (ulimit -n)',
    );
  }
}

/** @param most that fit */
function fewerProcs(most: number, otherwise: string): string {
  return most >= 1 ? `use --procs ${most}, or ${otherwise}` : otherwise;
}

/** Of what is needed. */
function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** Of what there is. */
function wholeMebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}

function parsePin(pin: string | boolean | undefined, { onlineCpus }: Machine): Pinning {
  if (pin === undefined || pin === false) return { kind: 'none' };
  if (pin === true || pin === 'auto') return { kind: 'auto' };
  const cpus = parseCpuList(pin);
  if (cpus === undefined) throw usage('--pin', pin, '"auto" or a list of CPUs, such as 0-3,8');
  const missing = cpus.filter((cpu) => !onlineCpus.includes(cpu));
  if (missing.length > 0) {
    const online = onlineCpus.length > 8 ? `${onlineCpus.slice(0, 8).join(', ')}, ...` : onlineCpus.join(', ');
    throw new FanoutError('USAGE', `--pin: CPU ${missing[0]} is not online`, `choose from ${online}`);
  }
  return { kind: 'list', cpus };
}

function parseLimits(raw: RawOptions, source: Source): Options['limits'] {
  const limits = {
    ...(raw.maxFlows === undefined ? {} : { twoWayFlows: wholeNumber('--max-flows', raw.maxFlows, { least: 1, most: COUNT_MAX }) }),
    ...(raw.maxPackets === undefined ? {} : { packets: wholeNumber('--max-packets', raw.maxPackets, { least: 1, most: COUNT_MAX }) }),
    ...(raw.duration === undefined ? {} : { durationMs: duration('--duration', raw.duration, { least: 1, most: RUN_MS_MAX }) }),
  };
  const isOpenEnded = source.kind === 'live' && Object.keys(limits).length === 0;
  return isOpenEnded
    ? { twoWayFlows: DEFAULTS.liveFlows, durationMs: duration('--duration', DEFAULTS.liveDuration, { least: 1, most: RUN_MS_MAX }) }
    : limits;
}

export function parseJsonOutput(json: string | boolean | undefined): JsonOutput {
  if (json === undefined || json === false) return { kind: 'none' };
  if (json === true || json === '-') return { kind: 'stdout' };
  if (json === '' || json.includes('\0')) throw usage('--json', json, 'the path of a file, or nothing for standard output');
  return { kind: 'file', path: json };
}

export function contradictory(message: string, remedy: string): FanoutError {
  return new FanoutError('CONTRADICTORY_OPTIONS', message, remedy);
}

/** The first option that was given. */
function given(options: Readonly<Record<string, unknown>>): string | undefined {
  return Object.keys(options).find((name) => options[name] !== undefined);
}
