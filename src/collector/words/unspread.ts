/** Words for traffic of which one process gets all, though no flow was split. Pure. */

import { cureGroup } from '../../deployment/levers.ts';
import type { CauseArgs, UnspreadKind } from '../../model/findings/cause.ts';
import type { ReadStacks } from '../../model/reader.ts';
import { CURED_RUN, STEER_INSIDE } from './cure.ts';
import { counted, grouped, listed } from './english.ts';
import { readersText } from './readers.ts';
import type { Words } from './say.ts';

export const UNSPREAD_WORDS: Words<Pick<CauseArgs, 'no-spread' | 'bpf-program-missing'>> = {
  'no-spread': ({ kinds, frames }) => {
    const inFlows = kinds.map(({ kind, flows, stacks, readers }) => {
      const why = `${counted(flows, 'flow')} (${listed(stacks)}): mode hash gives all of a kind to one process, because ${KINDS[kind].why}`;
      return readers.length === 0 ? why : `${why}; ${readersText(readers)}`;
    });
    // Steered deeper than its reader looks, the flow outside would be scattered.
    const isCured = kinds.some(({ kind, readers }) => KINDS[kind].isInside === true && !isReadByNone(readers));
    const remedies = [...kinds.map(({ kind }) => KINDS[kind].remedy), ...(frames === undefined ? [] : [FRAMES_REMEDY])];
    return {
      message: [...inFlows, ...(frames === undefined ? [] : [framesText(frames)])].join('; '),
      remedy: `${isCured ? `${STEER_INSIDE}; or ` : ''}${remedies.join('; ')}; where that cannot be done, expect one process to carry all of it`,
    };
  },
  'bpf-program-missing': ({ mode }) => ({
    message: `mode ${mode} has no program in this group, and the kernel then sends every packet to the first member: the others get nothing, and no error tells`,
    remedy:
      mode === 'ebpf'
        ? `attach one while the group runs ("${cureGroup('ID')}", after each start), or use mode hash; Zeek's AF_Packet::FANOUT_EBPF attaches none; here ${CURED_RUN} has one`
        : `attach one (here: --${mode}-program FILE), or use mode hash; Zeek's AF_Packet::FANOUT_${mode.toUpperCase()} attaches none, so AF_Packet::FANOUT_HASH is the mode to set there`,
  }),
};

/** An empty list stands for all readers. */
function isReadByNone(groups: readonly ReadStacks[]): boolean {
  return groups.length > 0 && groups.every(({ readers }) => readers.length === 0);
}

const FRAMES_REMEDY = 'keep frames without IP from the sensor at the packet broker if the IDS has no use for them';

function framesText({ types, captured }: NonNullable<CauseArgs['no-spread']['frames']>): string {
  const most = 4;
  const list = types.slice(0, most).map(({ reason, packets }) => `${reason}: ${grouped(packets)}`);
  const rest = types.length > most ? ` and ${types.length - most} more types` : '';
  const count = types.reduce((total, { packets }) => total + packets, 0);
  return `${grouped(count)} of ${grouped(captured)} packets belong to no flow (${list.join(', ')}${rest}), and mode hash gives all of one type to one process`;
}

interface KindWords {
  readonly why: string;
  readonly remedy: string;
  /** What tells the flows apart is in these packets, where the hash does not look. */
  readonly isInside?: true;
}

const KINDS: Readonly<Record<UnspreadKind, KindWords>> = {
  sent: {
    why: 'this host sent them with the VLAN tag in their bytes, and it then covers what stands where the kernel expects the tag: of IPv4 the total length, of IPv6 sixteen bits of the flow label',
    remedy: 'capture where these packets are received, or on the VLAN device or the bridge, where they have no tag yet',
  },
  label: {
    why: "the kernel's dissector stops at an MPLS label, before any address",
    remedy: 'strip MPLS labels at the packet broker',
    isInside: true,
  },
  tag: {
    why: "the kernel's dissector does not know the tag or header in front of them, and hashes its ethertype alone",
    remedy: 'strip such tags and headers at the packet broker',
    isInside: true,
  },
  hsr: {
    why: 'this kernel does not look behind the tags of HSR and PRP, as none does before 5.18',
    remedy: 'update the kernel, or capture where these tags are gone (behind the redundancy box)',
    isInside: true,
  },
  tunnel: {
    why: 'it covers the outer header of the tunnel only, and there was one pair of tunnel ends',
    remedy: 'end the tunnel before the sensor, or spread it over more tunnel ends',
    isInside: true,
  },
  portless: {
    why: 'it has no ports to go by here, and there was one pair of hosts',
    remedy: 'traffic without ports spreads when more hosts take part',
  },
  hidden: {
    why: 'it does not reach the ports of these packets, as in fragments between one pair of hosts, behind a tag of a type that the kernel does not know, such as 0x9100, or on kernels with bug C behind a flow label',
    remedy: 'let IPv4 fragments be reassembled (--defrag), and the switch or broker write tags of type 0x88a8 or 0x8100',
  },
};
