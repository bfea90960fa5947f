/**
 * What runs need that only a privileged process can get: packet sockets, the lab's interface, compiled filters, steering programs, and answers
 * about this host. It is got all at once, for every run of a command, so that all privileges can be given up before the first of them.
 */
import { closeSync } from 'node:fs';
import type { CbpfInstruction } from '../../addon/capture.ts';
import type { LinkHelper } from '../../addon/helper.ts';
import { native } from '../../addon/native.ts';
import type { Ids } from '../../addon/privileges.ts';
import { type CaptureInput, openCaptureInput } from '../../capture-file/input.ts';
import { REPLAY } from '../../capture-file/use.ts';
import { FanoutError } from '../../errors.ts';
import { type DescribedGroup, describeGroups } from '../../host/described-groups.ts';
import { attachLabDissector, type LabDissector } from '../../host/dissector-link.ts';
import { readFlowDissector } from '../../host/flow-dissector.ts';
import { capturersHere } from '../../host/groups.ts';
import { hostKernel } from '../../host/kernel.ts';
import { compileFilter, type FilteredDevice, openSteeringProgram } from '../../host/programs.ts';
import { refuseWithoutEffect } from '../../lab/dissector-use.ts';
import { adoptLabNetwork, createLabNetwork, type LabNetwork, type LabNetworkOptions } from '../../lab/network.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import { isDesignOpen, type KernelDesign } from '../../model/kernel-model.ts';
import type { KernelIdentity } from '../../model/kernel-release.ts';
import { queuesUsed } from '../../nic/model.ts';
import type { Options, Sending } from '../../options/options.ts';
import { groupsToName, wantsToKnowGroups } from '../group/group-safety.ts';
import { PacketSockets } from '../processes/packet-sockets.ts';
import { findWorkerProgram, type WorkerProgram, workerByPath } from '../processes/worker-program.ts';
import { checkLiveInterface } from '../source/live-interface.ts';
import { type ProvisionsHandover, parseProvisions } from './provisions-handover.ts';

export interface Needs {
  /** Every group that will be run, one after the other or beside one another; all of them get their packets from one place. */
  readonly runs: readonly Options[];
  /** Processes that will be added to them. */
  readonly replacements?: number;
  /** The lab's link will be taken down and up. */
  readonly flapsLink?: boolean;
  /** Where the kernel refuses the built-in program, the groups that have it can be left out. */
  readonly mayLeaveOut?: boolean;
}

export interface Provisions {
  readonly sockets: PacketSockets;
  readonly worker: WorkerProgram;
  /** Of the lab. */
  readonly network?: LabNetwork;
  /** What --pcap names. */
  readonly capture?: CaptureInput;
  readonly link?: LinkHelper;
  /** Fanout groups of others, with their owners; undefined where nobody can tell. */
  readonly groups: readonly DescribedGroup[] | undefined;
  /** Programs that capture here, in words, where nobody can tell which groups they have. */
  readonly capturers?: string;
  /** Whether groups may have a limit of members. */
  readonly fanoutArgs: boolean;
  /** What mode hash goes by in these groups, which run beside one another. Once without the one of the lab it is gone for good. */
  dissectorFor(groups: readonly Options[]): FlowDissector;
  /** How the kernel hashes, where its release does not tell and it could be asked. */
  readonly askedDesign?: KernelDesign;
  /** Of --filter; null: there is none. */
  filterOf(options: Options): readonly CbpfInstruction[] | null;
  /** A descriptor of the program of mode ebpf, if there is one. */
  programOf(options: Options): number | undefined;
  /** Why the group cannot have its program, or its dissector, where it may be left out for that. */
  refusalOf(options: Options): FanoutError | undefined;
  /** For the program that replaces this one: as JSON, and the descriptors that must stay open. */
  handOver(): { readonly handover: unknown; readonly descriptors: readonly number[] };
  close(): Promise<void>;
}

/** What is there while a command opens what it needs. */
export interface OpeningRights extends Rights {
  /** A file that only its owner may read, opened as root would, or with the rights of whoever owns the way to it. */
  openSecret(path: string): SecretFile;
}

export interface SecretFile {
  /** All of it, or the path stays as it was. */
  commit(content: Uint8Array): Promise<void>;
  discard(): void;
}

/** Whose rights to use for what. */
export interface Rights {
  asInvoker<T>(work: () => T): T;
  asRunUser<T>(work: () => T): T;
  /** Where root itself called, whom no rights restrain: with those of the owner of a file. Absent otherwise. */
  readonly asOwner?: <T>(owner: Ids, work: () => T) => T;
  /** Who workers and helpers will be, where that is somebody else. */
  readonly runAs: Ids | undefined;
}

/** Those of this process, which gives none of them up. */
export const OWN_RIGHTS: Rights = { asInvoker: (work) => work(), asRunUser: (work) => work(), runAs: undefined };

/** How to get what needs a privilege, and how the program that replaces this one goes on with it. */
export interface Openings<T> {
  open(rights: OpeningRights): Promise<T>;
  /** As JSON, and the descriptors that must stay open. */
  handOver(opened: T): { readonly handover: unknown; readonly descriptors: readonly number[] };
  takeOver(handed: unknown): Promise<T>;
}

export type Provisioning = (needs: Needs) => Openings<Provisions>;

export const provisioning: Provisioning = (needs) => ({
  open: (rights) => openProvisions(needs, rights),
  handOver: (provisions) => provisions.handOver(),
  takeOver: (handed) => takeOver(needs, handed),
});

type Filters = ReadonlyMap<string, readonly CbpfInstruction[]>;
/** By their names. */
interface Programs {
  readonly opened: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, FanoutError>;
}

export async function openProvisions(needs: Needs, rights: Rights = OWN_RIGHTS): Promise<Provisions> {
  const source = needs.runs[0]?.source;
  const release = new Releases();
  try {
    const live = source?.kind === 'live' ? checkLiveInterface(source.interface) : undefined;
    const first = live?.first ?? 'ethernet';
    const capture = source?.kind === 'pcap' ? await openCapture(source.path, rights) : undefined;
    if (capture !== undefined) release.later(() => capture.close());
    let sockets = new PacketSockets();
    const isSending = source !== undefined && source.kind !== 'live';
    const network = isSending ? await openNetwork(source, () => sockets.take()) : undefined;
    if (network !== undefined) release.later(() => network.close());
    sockets = PacketSockets.open(socketsFor(needs, network), first);
    release.later(() => sockets.close());
    const interfaceName = live?.name ?? network?.interface ?? '';
    const filters = await compileFilters(needs.runs, { name: interfaceName, first });
    const programs = await openPrograms(needs, rights);
    release.later(() => closeAll(programs.opened.values()));
    const dissector = readFlowDissector();
    const labDissector = openLabDissector(needs, programs);
    const isLive = live !== undefined;
    const groups = isLive ? describeGroups(groupsToName(needs.runs)) : undefined;
    const link = needs.flapsLink === true ? new native.LinkHelper({ interface: interfaceName, ...rights.runAs }) : undefined;
    return provisionsOf(
      {
        sockets,
        worker: findWorkerProgram(rights.asRunUser),
        ...(network === undefined ? {} : { network }),
        ...(capture === undefined ? {} : { capture }),
        ...(link === undefined ? {} : { link }),
        groups,
        ...(isLive && groups === undefined && needs.runs.some(wantsToKnowGroups) ? { capturers: capturersHere() } : {}),
        fanoutArgs: sockets.fanoutArgs,
        ...(await askedDesign(needs.runs)),
      },
      { filters, programs, dissector, ...(labDissector === undefined ? {} : { labDissector }) },
      release,
    );
  } catch (error) {
    await release.all();
    throw error;
  }
}

type Parts = Omit<Provisions, 'dissectorFor' | 'filterOf' | 'programOf' | 'refusalOf' | 'handOver' | 'close'>;

interface Steered {
  readonly filters: Filters;
  readonly programs: Programs;
  /** When it could still be asked for, and without that of the lab. */
  readonly dissector: FlowDissector;
  readonly labDissector?: LabDissector;
}

function provisionsOf(parts: Parts, steered: Steered, release: Releases): Provisions {
  const { filters, programs } = steered;
  const attached = new AttachedForLab(steered);
  release.later(() => attached.detach());
  return {
    ...parts,
    dissectorFor: (groups) => attached.dissectorFor(groups),
    filterOf: (options) => options.copiedFilter ?? (options.filter === undefined ? null : (filters.get(filterKey(options)) ?? null)),
    programOf: ({ program }) => (program?.kind === 'ebpf' ? programs.opened.get(program.path) : undefined),
    refusalOf: ({ program, builtin }) => programs.refused.get(program?.kind === 'ebpf' ? program.path : (builtin ?? '')),
    handOver: () => handOver(parts, steered),
    close: () => release.all(),
  };
}

/** All groups of a network namespace go by its one dissector, and only who has the privilege could attach it again. */
class AttachedForLab {
  readonly #before: FlowDissector;
  #attached: LabDissector | undefined;

  constructor({ dissector, labDissector }: Steered) {
    this.#before = dissector;
    this.#attached = labDissector;
  }

  dissectorFor(groups: readonly Options[]): FlowDissector {
    const wanting = groups.filter(({ builtin }) => builtin === 'dissector');
    if (wanting.length === 0) this.detach();
    if (this.#attached === undefined && wanting.length === 0) return this.#before;
    if (this.#attached === undefined || wanting.length < groups.length)
      throw new TypeError('groups with the built-in dissector run first, and none without it beside them');
    return { kind: 'attached', programId: this.#attached.programId, namespace: 'own', isBuiltin: true };
  }

  detach(): void {
    if (this.#attached !== undefined) closeSync(this.#attached.link);
    this.#attached = undefined;
  }
}

/** What is to be taken back, the latest first. */
class Releases {
  readonly #list: (() => void | Promise<void>)[] = [];

  later(release: () => void | Promise<void>): void {
    this.#list.push(release);
  }

  async all(): Promise<void> {
    for (let release = this.#list.pop(); release !== undefined; release = this.#list.pop()) await release();
  }
}

/**
 * It takes root and a TAP, and 60 ms: where the release tells, or where kernel keys decide nothing, nobody is asked.
 * @param kernel for tests; else this host's
 */
export async function askedDesign(
  runs: readonly Pick<Options, 'mode'>[],
  kernel: string | KernelIdentity = hostKernel(),
): Promise<Pick<Provisions, 'askedDesign'>> {
  if (!isDesignOpen(kernel) || !runs.some(({ mode }) => mode === 'hash')) return {};
  // Loaded only now: hardly any run needs it.
  const { probeKernel } = await import('../../lab/kernel-probe.ts');
  const design = probeKernel()?.design;
  return design === undefined ? {} : { askedDesign: design };
}

/** Each process has one, and the first of a group a spare one: only closing its socket takes it out of a group that it must not stay in. */
function socketsFor({ runs, replacements = 0 }: Needs, network: LabNetwork | undefined): number {
  const senders = network?.injection === 'veth' ? runs.length : 0;
  return runs.reduce((sum, { procs }) => sum + procs + 1, 0) + replacements + senders;
}

// An async function runs up to its first await at once, and by then the file is open.
function openCapture(path: string, { asInvoker }: Rights): Promise<CaptureInput> {
  return asInvoker(() => openCaptureInput(path, () => process.stdin, REPLAY));
}

type SendingSource = Exclude<Options['source'], { readonly kind: 'live' }>;

function openNetwork(source: SendingSource, senderSocket: () => number): Promise<LabNetwork> {
  return createLabNetwork({ addon: native, senderSocket, ...networkOf(source) });
}

function networkOf(source: SendingSource): Pick<LabNetworkOptions, 'injection' | 'queues' | 'mtu'> {
  return source.kind === 'pcap' ? { mtu: 'largest', ...injectionOf(source) } : { queues: source.queues ?? 1, ...injectionOf(source) };
}

function injectionOf({ injection, nic }: Sending): Pick<LabNetworkOptions, 'injection' | 'queues'> {
  if (nic !== undefined) return { injection: 'tap', queues: queuesUsed(nic) };
  return injection === 'auto' ? {} : { injection };
}

function filterKey({ filter, snaplenBytes }: Options): string {
  return `${snaplenBytes} ${filter}`;
}

async function compileFilters(runs: readonly Options[], device: FilteredDevice): Promise<Filters> {
  const filters = new Map<string, readonly CbpfInstruction[]>();
  for (const options of runs) {
    const key = filterKey(options);
    if (options.filter === undefined || filters.has(key)) continue;
    filters.set(key, await compileFilter(options.filter, device, options.snaplenBytes));
  }
  return filters;
}

interface OpenedPrograms extends Programs {
  readonly refused: Map<string, FanoutError>;
}

async function openPrograms({ runs, mayLeaveOut = false }: Needs, { asInvoker }: Rights): Promise<OpenedPrograms> {
  const opened = new Map<string, number>();
  const refused = new Map<string, FanoutError>();
  try {
    for (const { program, builtin } of runs) {
      if (program?.kind !== 'ebpf' || opened.has(program.path) || refused.has(program.path)) continue;
      try {
        opened.set(program.path, await openSteeringProgram(program.path, asInvoker));
      } catch (error) {
        if (!mayLeaveOut || builtin === undefined || !isProgramRefused(error)) throw error;
        refused.set(program.path, error);
      }
    }
  } catch (error) {
    closeAll(opened.values());
    throw error;
  }
  return { opened, refused };
}

/** Where it is refused, that is noted beside the programs that are. */
function openLabDissector({ runs, mayLeaveOut = false }: Needs, { refused }: OpenedPrograms): LabDissector | undefined {
  if (!runs.some(({ builtin }) => builtin === 'dissector')) return undefined;
  try {
    refuseWithoutEffect();
    return attachLabDissector();
  } catch (error) {
    if (!mayLeaveOut || !isProgramRefused(error)) throw error;
    refused.set('dissector', error);
    return undefined;
  }
}

function isProgramRefused(error: unknown): error is FanoutError {
  return error instanceof FanoutError && error.code === 'PROGRAM_REFUSED';
}

function closeAll(descriptors: Iterable<number>): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}

// ---- handed on, when this program is replaced by itself

// The capture file is not among them: who could open it before can open it again.
function handOver(
  { sockets, network, link, groups, capturers, fanoutArgs, askedDesign: asked }: Parts,
  { filters, programs, dissector, labDissector }: Steered,
): ReturnType<Provisions['handOver']> {
  const handover: ProvisionsHandover = {
    sockets: sockets.descriptors,
    ...(network === undefined ? {} : { network: network.handover }),
    ...(link === undefined ? {} : { linkChannel: link.channel }),
    filters: [...filters],
    programs: [...programs.opened],
    refused: [...programs.refused].map(([name, { message, remedy }]) => [name, { message, remedy }] as const),
    ...(groups === undefined ? {} : { groups }),
    ...(capturers === undefined ? {} : { capturers }),
    fanoutArgs,
    dissector,
    ...(labDissector === undefined ? {} : { labDissector }),
    ...(asked === undefined ? {} : { askedDesign: asked }),
  };
  const links = [...(link === undefined ? [] : [link.channel]), ...(labDissector === undefined ? [] : [labDissector.link])];
  return {
    handover,
    descriptors: [...sockets.descriptors, ...(network?.handover.descriptors ?? []), ...links, ...programs.opened.values()],
  };
}

async function takeOver(needs: Needs, handed: unknown): Promise<Provisions> {
  const handover = parseProvisions(handed);
  const {
    sockets,
    network,
    linkChannel,
    filters,
    programs,
    refused,
    groups,
    capturers,
    fanoutArgs,
    dissector,
    labDissector,
    askedDesign: asked,
  } = handover;
  const release = new Releases();
  const source = needs.runs[0]?.source;
  const capture = source?.kind === 'pcap' ? await openCapture(source.path, OWN_RIGHTS) : undefined;
  if (capture !== undefined) release.later(() => capture.close());
  const packetSockets = new PacketSockets(sockets);
  release.later(() => packetSockets.close());
  return provisionsOf(
    {
      sockets: packetSockets,
      worker: workerByPath(),
      ...(network === undefined ? {} : { network: adoptLabNetwork({ addon: native, senderSocket: () => packetSockets.take() }, network) }),
      ...(capture === undefined ? {} : { capture }),
      ...(linkChannel === undefined ? {} : { link: new native.LinkHelper({ channel: linkChannel }) }),
      groups,
      ...(capturers === undefined ? {} : { capturers }),
      fanoutArgs,
      ...(asked === undefined ? {} : { askedDesign: asked }),
    },
    {
      filters: new Map(filters),
      programs: {
        opened: new Map(programs),
        refused: new Map(refused.map(([name, { message, remedy }]) => [name, new FanoutError('PROGRAM_REFUSED', message, remedy)])),
      },
      dissector,
      ...(labDissector === undefined ? {} : { labDissector }),
    },
    release,
  );
}
