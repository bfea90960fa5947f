/** `--like ID`: a running group as what would have been typed to shadow it. Decides what of it can be copied; what cannot is said. */
import type { CbpfInstruction } from '../../addon/capture.ts';
import type { GroupOption, GroupSetting } from '../../deployment/group-options.ts';
import { FanoutError } from '../../errors.ts';
import { definedOf } from '../../model/defined.ts';
import { FANOUT_MODE_NAMES, type FanoutFlag, type FanoutMode, goesByProgram, MEMBERS_MAX } from '../../model/fanout.ts';
import {
  type ClassicInstruction,
  ETH_P_ALL,
  ownersOf,
  type RunningGroup,
  type SeenGroup,
  type SeenMember,
} from '../../model/fanout-group.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { DeploymentCode } from '../../model/findings/deployment.ts';
import { firstGiven, OF_LAB, type RawOptions, readerOf } from '../../options/table.ts';
import { type Deployed, type DeploymentUse, merged } from './merge.ts';

/** Of one process: a shadow is a guest. */
const RING_BYTES_MAX = 4 * 2 ** 20;

export function shadowOf({ group, namespace }: RunningGroup, given: RawOptions, use: DeploymentUse): Deployed {
  const mode = copiedMode(group, given);
  refuseWithoutInterface(group, given);
  const [first] = group.members;
  const flags = copiedFlags(group, use);
  const ring = copiedRing(group, use.machine.pageBytes);
  const filter = given.filter === undefined ? copiedFilter(first, given, use) : { remarks: [] };
  const rows: (GroupSetting | undefined)[] = [
    group.interface === null ? undefined : row('interface', group.interface),
    row('procs', String(group.members.length)),
    row('mode', mode),
    ...flags.map((flag) => row(FLAG_OPTIONS[flag], true)),
    first?.promiscuous === null || first === undefined ? undefined : row('promisc', first.promiscuous),
    ...ring.settings,
  ];
  const owners = ownersOf(group);
  const about = {
    files: [],
    program: [...new Set(owners.map(({ comm }) => comm))].join(', '),
    running: { owners, ...definedOf({ namespace }) },
    interface: group.interface,
    id: group.id,
  };
  const settings = rows.filter((one) => one !== undefined);
  const remarks = [...remarksOn(group, given), ...ring.remarks, ...filter.remarks];
  return {
    group: { mode, flags },
    ...merged(about, { settings, remarks }, given, use),
    ...('program' in filter ? { copied: { copiedFilter: filter.program } } : {}),
  };
}

function row(option: GroupOption, value: string | boolean): GroupSetting {
  return { option, value, from: 'group' };
}

const FLAG_OPTIONS = { defrag: 'defrag', rollover: 'rollover', 'ignore-outgoing': 'ignoreOutgoing' } as const satisfies Record<
  FanoutFlag,
  GroupOption
>;

/** A group of our own is without DEFRAG: both would share one queue of fragments, and the running one get none. */
function copiedFlags({ flags }: SeenGroup, { isOnlyLookedAt }: DeploymentUse): readonly FanoutFlag[] {
  const copied: readonly FanoutFlag[] = ['rollover', 'ignore-outgoing', ...(isOnlyLookedAt === true ? (['defrag'] as const) : [])];
  return copied.filter((flag) => flags?.includes(flag) === true);
}

/** The program of modes cbpf and ebpf cannot be read from the kernel: PACKET_FANOUT_DATA has no getsockopt(2). */
function copiedMode({ id, mode, members }: SeenGroup, given: RawOptions): FanoutMode {
  const known = FANOUT_MODE_NAMES.find((name) => name === mode);
  if (known === undefined)
    throw refused(`group ${id} is in ${mode}, which this program does not know`, 'name the mode that you mean with --mode');
  const isGiven = given.mode !== undefined || given.cbpfProgram !== undefined || given.ebpfProgram !== undefined;
  if (goesByProgram(known) && !isGiven)
    throw refused(
      `group ${id} is in mode ${known}, and the kernel tells nobody which program steers it`,
      `name the program (--${known}-program FILE), or test its configuration with --from`,
    );
  if (members.length > MEMBERS_MAX)
    throw refused(
      `group ${id} has ${members.length} members`,
      `a group of this program has at most ${MEMBERS_MAX}: name fewer with --procs`,
    );
  return known;
}

function refuseWithoutInterface({ id, binding, interface: device }: SeenGroup, given: RawOptions): void {
  if (device !== null || given.interface !== undefined || firstGiven(given, OF_LAB) !== undefined) return;
  throw refused(
    binding === 'all'
      ? `group ${id} reads all interfaces of its network namespace at once, and this program one`
      : `the interface of group ${id} ${binding === 'removed' ? 'has been removed' : 'has no name any more'}`,
    'name the interface with -i',
  );
}

function refused(message: string, remedy: string): FanoutError {
  return new FanoutError('USAGE', `--like: ${message}`, remedy);
}

interface CopiedRing {
  readonly settings: readonly GroupSetting[];
  readonly remarks: readonly Finding<DeploymentCode>[];
}

/** Its blocks as they are, and as many as a guest may have. */
function copiedRing({ members }: SeenGroup, pageBytes: number): CopiedRing {
  const ring = members[0]?.ring;
  if (ring === undefined) return { settings: [], remarks: [] };
  const theirs = ring.blockBytes * ring.blockCount;
  const isUsable =
    ring.tpacket === 3 && ring.blockBytes % pageBytes === 0 && ring.blockBytes <= RING_BYTES_MAX / 2 && ring.blockBytes >= BLOCK_BYTES_MIN;
  const block = isUsable ? ring.blockBytes : BLOCK_BYTES;
  const ours = Math.max(2, Math.floor(Math.min(theirs, RING_BYTES_MAX) / block)) * block;
  const timeout =
    ring.retireMs === undefined || ring.retireMs < 1 ? [] : [row('blockTimeout', String(Math.min(TIMEOUT_MS_MAX, ring.retireMs)))];
  return {
    settings: [row('ringSize', String(ours)), row('blockSize', String(block)), ...timeout],
    remarks: ours === theirs ? [] : [finding('ring-scaled', { theirs, ours, procs: members.length })],
  };
}

const BLOCK_BYTES = 128 * 2 ** 10;
/** Holds a packet of the usual snaplen. */
const BLOCK_BYTES_MIN = 4096;
const TIMEOUT_MS_MAX = 10_000;

interface CopiedFilter {
  readonly program?: readonly CbpfInstruction[];
  readonly remarks: readonly Finding<DeploymentCode>[];
}

/** BPF_RET | BPF_K: how many bytes of a packet are kept. */
const RETURN_CONSTANT = 0x06;

/** What it keeps of a packet is cut to what this program looks at. */
function copiedFilter(member: SeenMember | undefined, given: RawOptions, { machine }: DeploymentUse): CopiedFilter {
  const filter = member?.filter;
  if (filter?.kind === 'none') return { remarks: [] };
  if (filter?.kind !== 'classic' || filter.program === undefined)
    return { remarks: [finding('filter-not-copied', { kind: filter?.kind ?? null })] };
  const snaplen = readerOf(given, machine)('snaplen');
  const cut = ({ code, jt, jf, k }: ClassicInstruction): CbpfInstruction => [
    code,
    jt,
    jf,
    code === RETURN_CONSTANT ? Math.min(k, snaplen) : k,
  ];
  return { program: filter.program.map(cut), remarks: [] };
}

function remarksOn(group: SeenGroup, given: RawOptions): readonly Finding<DeploymentCode>[] {
  const { id, flags, protocol, members } = group;
  const [first] = members;
  const differing = [
    ['the ring', members.some(({ ring }) => JSON.stringify(ring) !== JSON.stringify(first?.ring))] as const,
    ['the filter', members.some(({ filter }) => JSON.stringify(filter) !== JSON.stringify(first?.filter))] as const,
    ['promiscuous mode', members.some(({ promiscuous }) => promiscuous !== first?.promiscuous)] as const,
  ];
  const what = differing.flatMap(([name, differs]) => (differs ? [name] : []));
  return [
    finding('own-group-id', { id }),
    ...(given.defrag === undefined && (flags === null || flags.includes('defrag'))
      ? [finding('without-defrag', { id, isKnown: flags !== null })]
      : []),
    ...(first?.ring !== undefined && first.ring.tpacket !== 3 ? [finding('reads-v3', { program: 'the running program' })] : []),
    ...(protocol === ETH_P_ALL || given.filter !== undefined ? [] : [finding('protocol-not-copied', { protocol })]),
    ...(what.length === 0 ? [] : [finding('members-differ', { what })]),
    finding('index-unknown', { members: members.length }),
  ];
}
