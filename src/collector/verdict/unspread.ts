/** Why one process gets all of a kind of traffic, though no flow was split. Pure. */
import type { Evidence, StackEvidence } from '../../model/evidence.ts';
import type { FanoutMode } from '../../model/fanout.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { CauseResult, PacketCounts } from '../../model/run-result.ts';
import { FALSE_PASS_LIMIT, sum } from './confidence.ts';
import { READERS, readersOf, readersText } from './readers.ts';
import { FURTHER_STACKS, hiddenBehind, isPortless, isTunnelled, listed, startsWithHsr } from './stack-layers.ts';

/** Kinds of traffic that one process gets all of, by their stacks. */
export function findUnspread({ stacks, epochs }: Evidence, { mode, procs }: RunFacts): readonly StackEvidence[] {
  if (mode !== 'hash' || procs === 1) return [];
  return findOneKeyed(stacks, procs).filter((stack) => wasOnOneMember(stack, epochs.length));
}

/** Kinds of traffic whose flows all have one kernel key. */
export function findOneKeyed(stacks: readonly StackEvidence[], procs: number): readonly StackEvidence[] {
  return stacks.filter((stack) => stack.stack !== FURTHER_STACKS && stack.kernelKeys === 1 && stack.flows >= severalFlows(stack, procs));
}

/** What decides whether frames without a flow are a burden. */
export interface Load {
  readonly mode: FanoutMode;
  readonly procs: number;
  readonly packets: Pick<PacketCounts, 'captured' | 'ignored'>;
  readonly members: readonly { readonly packets: number }[];
}

/**
 * Two flows may have one key by an exchange of their ports; a third one with it means that the hash does not see what tells them apart. Flows
 * that have no ports to see are of one pair of hosts, and that is worth a word only if they are too many for chance (n^(1-F)).
 */
function severalFlows({ stack }: StackEvidence, procs: number): number {
  const three = 3;
  if (!isPortless(stack) || isTunnelled(stack) || hiddenBehind(stack) !== undefined) return three;
  return Math.max(three, 1 + Math.ceil(-Math.log(FALSE_PASS_LIMIT) / Math.log(procs)));
}

// A hash that is broken can split even packets of one key. In another epoch it is another member.
function wasOnOneMember({ split, asymmetric, duplicated, twoWayByMember }: StackEvidence, epochs: number): boolean {
  return split + asymmetric + duplicated === 0 && (epochs > 1 || twoWayByMember.filter((count) => count > 0).length <= 1);
}

/** The cause `no-spread`, of flows and of packets that belong to none. */
export function noSpread(unspread: readonly StackEvidence[], facts: Load): readonly CauseResult[] {
  const found = KINDS.filter(({ kind }) => unspread.some((stack) => kindOf(stack) === kind));
  const ethertypes = unspreadEthertypes(facts);
  if (found.length + ethertypes.length === 0) return [];
  const inFlows = found.map(({ kind, why }) => {
    const stacks = unspread.filter((stack) => kindOf(stack) === kind);
    const names = stacks.map(({ stack }) => stack).sort();
    const isReadByAll = names.every((stack) => readersOf(stack).length === READERS.length);
    const readers = isReadByAll ? '' : `; ${readersText(names)}`;
    return `${flowsOf(stacks)} flows (${listed(names)}): mode hash gives all of a kind to one process, because ${why}${readers}`;
  });
  const remedies = [...found.map(({ remedy }) => remedy), ...(ethertypes.length > 0 ? [ETHERTYPE_REMEDY] : [])];
  return [
    {
      code: 'no-spread',
      flows: flowsOf(unspread),
      harmless: true,
      message: [...inFlows, ...ethertypes].join('; '),
      remedy: `${remedies.join('; ')}; where that cannot be done, expect one process to carry all of it`,
    },
  ];
}

function flowsOf(stacks: readonly StackEvidence[]): number {
  return sum(stacks.map(({ flows }) => flows));
}

type Kind = 'sent' | 'label' | 'tag' | 'hsr' | 'tunnel' | 'portless' | 'hidden';

function kindOf({ stack, sentTagged }: StackEvidence): Kind {
  if (sentTagged > 0) return 'sent';
  const behind = hiddenBehind(stack);
  if (behind !== undefined) return behind === 'mpls' ? 'label' : 'tag';
  if (startsWithHsr(stack)) return 'hsr';
  if (isTunnelled(stack)) return 'tunnel';
  return isPortless(stack) ? 'portless' : 'hidden';
}

const KINDS: readonly { readonly kind: Kind; readonly why: string; readonly remedy: string }[] = [
  {
    kind: 'sent',
    why: 'this host sent them with the VLAN tag in their bytes, and it then covers what stands where the kernel expects the tag: of IPv4 the total length, of IPv6 sixteen bits of the flow label',
    remedy: 'capture where these packets are received, or on the VLAN device or the bridge, where they have no tag yet',
  },
  {
    kind: 'label',
    why: "the kernel's dissector stops at an MPLS label, before any address",
    remedy: 'strip MPLS labels at the packet broker, or steer by what is behind them (--mode ebpf)',
  },
  {
    kind: 'tag',
    why: "the kernel's dissector does not know the tag or header in front of them, and hashes its ethertype alone",
    remedy: 'strip such tags and headers at the packet broker, or steer by what is behind them (--mode ebpf)',
  },
  {
    kind: 'hsr',
    why: 'this kernel does not look behind the tags of HSR and PRP, as none does before 5.18',
    remedy:
      'update the kernel, or capture where these tags are gone (behind the redundancy box), or steer by what is behind them (--mode ebpf)',
  },
  {
    kind: 'tunnel',
    why: 'it covers the outer header of the tunnel only, and there was one pair of tunnel ends',
    remedy: 'end the tunnel before the sensor, spread it over more tunnel ends, or steer by the inner flow (--mode ebpf)',
  },
  {
    kind: 'portless',
    why: 'it has no ports to go by here, and there was one pair of hosts',
    remedy: 'traffic without ports spreads when more hosts take part',
  },
  {
    kind: 'hidden',
    why: 'it does not reach the ports of these packets, as in fragments between one pair of hosts, behind a tag of a type that the kernel does not know, such as 0x9100, or on kernels with bug C behind a flow label',
    remedy: 'let IPv4 fragments be reassembled (--defrag), and the switch or broker write tags of type 0x88a8 or 0x8100',
  },
];

const ETHERTYPE_REMEDY = 'keep frames without IP from the sensor at the packet broker if the IDS has no use for them';

/** The cause `bpf-program-missing`. */
export function programMissing({ flows }: Evidence, { mode, programMissing: isMissing }: RunFacts): readonly CauseResult[] {
  if (!isMissing) return [];
  return [
    {
      code: 'bpf-program-missing',
      flows: flows.total,
      harmless: true,
      message: `mode ${mode} has no program in this group, and the kernel then sends every packet to the first member: the others get nothing, and no error tells`,
      remedy: `attach one (here: --${mode}-program FILE), or use mode hash; Zeek's AF_Packet::FANOUT_${mode.toUpperCase()} attaches none, so AF_Packet::FANOUT_HASH is the mode to set there`,
    },
  ];
}

/** Less is no burden. */
const LARGE_SHARE = 0.1;

/** Frames that are no flows, where those of one type are more than a process's fair share and may all have been on one. */
function unspreadEthertypes({ mode, procs, packets, members }: Load): readonly string[] {
  if (mode !== 'hash' || procs === 1) return [];
  const most = Math.max(0, ...members.map((member) => member.packets));
  const found = Object.entries(packets.ignored)
    .filter(([reason, count]) => reason.startsWith('ethertype ') && count <= most)
    .filter(([, count]) => count > packets.captured * Math.max(LARGE_SHARE, 1 / procs))
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  if (found.length === 0) return [];
  const list = found.slice(0, 4).map(([reason, count]) => `${reason}: ${count}`);
  const rest = found.length > 4 ? ` and ${found.length - 4} more types` : '';
  const count = sum(found.map(([, packetCount]) => packetCount));
  return [
    `${count} of ${packets.captured} packets belong to no flow (${list.join(', ')}${rest}), and mode hash gives all of one type to one process`,
  ];
}
