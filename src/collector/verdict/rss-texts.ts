/** What a NIC that splits flows is told as: of a live one how to mend it, of a simulated one which of its settings did it. Pure. */
import type { ViolationGroup } from '../../model/evidence.ts';
import type { LinkState } from '../../model/link.ts';
import type { NicFacts } from '../../model/run-facts.ts';
import { isTunnelled } from './stack-layers.ts';

interface RssText {
  readonly message: string;
  readonly remedy: string;
}

interface RssContext {
  readonly mode: string;
  readonly interface: string;
  readonly outgoing: number;
  readonly groups: readonly ViolationGroup[];
  readonly nic?: NicFacts;
  /** Of a live interface, where it could be asked about. */
  readonly link?: LinkState;
}

/** Nothing of its own spreads what comes, or nothing that can be set. */
export function withoutRss({ mode, interface: device, link }: Pick<RssContext, 'mode' | 'interface' | 'link'>): RssText | undefined {
  const by = mode === 'qm' ? 'the queue' : 'the CPU';
  switch (spreadingOf(link)) {
    case 'nic':
      return undefined;
    case 'untold':
      return {
        message: `the driver of ${device} does not tell how it spreads what it receives, and mode ${mode} goes by ${by} that comes of it`,
        remedy: [...oneQueue(device, link), 'use --mode hash'].join(', or '),
      };
    case 'below':
      return {
        message: `${device} receives through the devices below it, so mode ${mode} goes by ${by} on which their NICs received`,
        remedy: 'make RSS symmetric on those, or use --mode hash',
      };
    case 'senders':
      return {
        message: `${device} has no receive queues of a NIC, so mode ${mode} goes by ${by} of whatever sends there`,
        remedy: `use --mode hash: on such a device mode ${mode} can keep no flow together on purpose`,
      };
  }
}

/** Kinds of devices whose packets others received: the receive queue stays that of the NIC below. */
const ABOVE_OTHERS = ['bond', 'team', 'vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'bridge', 'vrf'];

/**
 * What decides the receive queue and the CPU of a packet: a NIC that spreads by a hash, one that does not tell how, NICs below it, or whoever
 * sends: the other end of a veth pair, a program behind a TUN device, this host on loopback. By what the kernel says, where it could be asked.
 */
function spreadingOf(link: LinkState | undefined): 'nic' | 'untold' | 'below' | 'senders' {
  if (link === undefined) return 'nic';
  const { kind, receiveRings, channels, isHardware } = link;
  if (kind !== undefined) return ABOVE_OTHERS.includes(kind) ? 'below' : 'senders';
  if (receiveRings !== undefined) return 'nic';
  return channels !== undefined || isHardware === true ? 'untold' : 'senders';
}

/** Advice to receive on one queue, where there are several and their number can be chosen. */
export function oneQueue(device: string, link: LinkState | undefined): readonly string[] {
  const several = link === undefined || (link.channels !== undefined && link.channels.used > 1);
  const which = link?.channels?.isCombined === false ? 'rx' : 'combined';
  return several ? [`use one receive queue ("ethtool -L ${device} ${which} 1")`] : [];
}

export function rssText(context: RssContext): RssText {
  const { mode, outgoing, nic } = context;
  const isByQueue = mode === 'qm';
  const parted = `packets of one flow were handled on several ${isByQueue ? 'queues' : 'CPUs'}`;
  if (nic !== undefined) return simulated(parted, nic, context.groups);
  const other = withoutRss(context);
  if (other !== undefined) return { message: `${parted}: ${other.message}`, remedy: other.remedy };
  const sent =
    outgoing > 0
      ? `; ${outgoing} captured packets were sent by this host, and those go by the sender's ${isByQueue ? 'TX queue' : 'CPU'}`
      : '';
  const { interface: device, link } = context;
  const remedy = [symmetricOn(device, link?.keyBytes), ...oneQueue(device, link)].join(' or ');
  return {
    message: `${parted}${sent}`,
    remedy: `${remedy}${outgoing > 0 ? '; where this host only receives copies, keep what it sends out with --ignore-outgoing' : ''}`,
  };
}

/** Of a Toeplitz key, where nobody tells: most NICs take that many. */
const KEY_BYTES = 40;

/** Toeplitz gives both directions one hash if its key repeats every 16 bits. */
function symmetricOn(device: string, keyBytes = KEY_BYTES): string {
  const key = Array.from({ length: keyBytes }, (_, i) => (i % 2 === 0 ? '6D' : '5A')).join(':');
  return `make RSS symmetric ("ethtool -X ${device} hkey ${key}", or "ethtool -X ${device} xfrm symmetric-xor" where the driver has it)`;
}

interface Flaw {
  readonly why: string;
  /** Hashing by addresses alone helps. */
  readonly isOfPorts: boolean;
}

function simulated(parted: string, nic: NicFacts, groups: readonly ViolationGroup[]): RssText {
  const flaws = flawsOf(nic, groups);
  const about = `the answer is about the NIC as simulated (${nic.name})`;
  if (flaws.length === 0)
    return {
      message: `${parted}, though it hashes both directions alike and by the same fields; ${about}`,
      remedy: 'look at the listed observations: the NIC sees the outermost header alone, and what is no IP goes to one queue',
    };
  // Then both settings are as good as they can be.
  if (nic.isSymmetric && !nic.hashesPorts)
    return {
      message: `${parted}: ${flaws.map(({ why }) => why).join('; ')}; ${about}`,
      remedy: 'end the tunnel, or have labels stripped, before the sensor',
    };
  const fields = flaws.some(({ isOfPorts }) => isOfPorts) || !nic.hashesPorts ? 'sd' : 'sdfn';
  const onTheNic = [
    ...(nic.isSymmetric ? [] : [symmetricOn('DEVICE')]),
    ...(fields === 'sd' && nic.hashesPorts ? ['hash by addresses alone ("ethtool -N DEVICE rx-flow-hash udp4 sd", and so on)'] : []),
  ];
  return {
    message: `${parted}: ${flaws.map(({ why }) => why).join('; ')}; ${about}`,
    remedy: `try --nic queues=${nic.queues},rss=symmetric,fields=${fields}${onTheNic.length === 0 ? '' : `; if that keeps them, ${onTheNic.join(', and ')}`}`,
  };
}

function flawsOf(nic: NicFacts, groups: readonly ViolationGroup[]): readonly Flaw[] {
  return [
    ...(nic.isSymmetric ? [] : [{ why: 'its hash is another one for each direction', isOfPorts: false }]),
    ...(nic.hashesPorts && groups.some(({ fragments }) => fragments !== 'none')
      ? [{ why: 'it hashes fragments by addresses and whole packets by ports as well', isOfPorts: true }]
      : []),
    ...(groups.some(({ stack, mixedWrappings }) => mixedWrappings || isTunnelled(stack))
      ? [
          {
            why: 'of a tunnel it hashes the outer header, which is not the same for all packets of the flow inside',
            isOfPorts: nic.hashesPorts,
          },
        ]
      : []),
  ];
}
