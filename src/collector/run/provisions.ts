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
import { readFlowDissector } from '../../host/flow-dissector.ts';
import { capturersHere, type DescribedGroup, describeGroups } from '../../host/groups.ts';
import { hostKernel } from '../../host/kernel.ts';
import { compileFilter, type FilteredDevice, openSteeringProgram } from '../../host/programs.ts';
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
  /** When it could still be asked for. */
  readonly dissector: FlowDissector;
  /** How the kernel hashes, where its release does not tell and it could be asked. */
  readonly askedDesign?: KernelDesign;
  /** Of --filter; null: there is none. */
  filterOf(options: Options): readonly CbpfInstruction[] | null;
  /** A descriptor of the program of mode ebpf, if there is one. */
  programOf(options: Options): number | undefined;
  /** For the program that replaces this one: as JSON, and the descriptors that must stay open. */
  handOver(): { readonly handover: unknown; readonly descriptors: readonly number[] };
  close(): Promise<void>;
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
  open(rights: Rights): Promise<T>;
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
type Programs = ReadonlyMap<string, number>;

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
    const programs = await openPrograms(needs.runs, rights);
    release.later(() => closeAll(programs.values()));
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
        dissector: readFlowDissector(),
        ...(await askedDesign(needs.runs)),
      },
      filters,
      programs,
      release,
    );
  } catch (error) {
    await release.all();
    throw error;
  }
}

type Parts = Omit<Provisions, 'filterOf' | 'programOf' | 'handOver' | 'close'>;

function provisionsOf(parts: Parts, filters: Filters, programs: Programs, release: Releases): Provisions {
  return {
    ...parts,
    filterOf: (options) => (options.filter === undefined ? null : (filters.get(filterKey(options)) ?? null)),
    programOf: ({ program }) => (program?.kind === 'ebpf' ? programs.get(program.path) : undefined),
    handOver: () => handOver(parts, filters, programs),
    close: () => release.all(),
  };
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

async function openPrograms(runs: readonly Options[], { asInvoker }: Rights): Promise<Programs> {
  const programs = new Map<string, number>();
  try {
    for (const { program } of runs)
      if (program?.kind === 'ebpf' && !programs.has(program.path))
        programs.set(program.path, await openSteeringProgram(program.path, asInvoker));
  } catch (error) {
    closeAll(programs.values());
    throw error;
  }
  return programs;
}

function closeAll(descriptors: Iterable<number>): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}

// ---- handed on, when this program is replaced by itself

// The capture file is not among them: who could open it before can open it again.
function handOver(
  { sockets, network, link, groups, capturers, fanoutArgs, dissector, askedDesign: asked }: Parts,
  filters: Filters,
  programs: Programs,
): ReturnType<Provisions['handOver']> {
  const handover: ProvisionsHandover = {
    sockets: sockets.descriptors,
    ...(network === undefined ? {} : { network: network.handover }),
    ...(link === undefined ? {} : { linkChannel: link.channel }),
    filters: [...filters],
    programs: [...programs],
    ...(groups === undefined ? {} : { groups }),
    ...(capturers === undefined ? {} : { capturers }),
    fanoutArgs,
    dissector,
    ...(asked === undefined ? {} : { askedDesign: asked }),
  };
  const links = link === undefined ? [] : [link.channel];
  return { handover, descriptors: [...sockets.descriptors, ...(network?.handover.descriptors ?? []), ...links, ...programs.values()] };
}

async function takeOver(needs: Needs, handed: unknown): Promise<Provisions> {
  const handover = parseProvisions(handed);
  const { sockets, network, linkChannel, filters, programs, groups, capturers, fanoutArgs, dissector, askedDesign: asked } = handover;
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
      dissector,
      ...(asked === undefined ? {} : { askedDesign: asked }),
    },
    new Map(filters),
    new Map(programs),
    release,
  );
}
