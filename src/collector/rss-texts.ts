/** What a NIC that parts flows is told as: of a live one how to mend it, of a simulated one which of its settings did it. Pure. */
import type { ViolationGroup } from '../model/evidence.ts';
import type { NicFacts, RunFacts } from '../model/run-facts.ts';
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
  /** Of a live interface: it spreads nothing over queues of its own. */
  readonly lacksRss?: boolean;
}

/** A veth pair, a bridge, a macvlan, loopback: nothing there spreads packets by a hash of the NIC. */
export function hasNoRss({ source, link }: Pick<RunFacts, 'source' | 'link'>): boolean {
  return source === 'live' && link !== undefined && link.after.receiveRings === undefined;
}

export function withoutRss({ mode, interface: device }: Pick<RssContext, 'mode' | 'interface'>): RssText {
  const by = mode === 'qm' ? 'the queue' : 'the CPU';
  return {
    message: `${device} has no receive queues of a NIC, so mode ${mode} goes by ${by} of whatever sends there`,
    remedy: `use --mode hash: on such a device mode ${mode} can keep no flow together on purpose`,
  };
}

export function rssText(context: RssContext): RssText {
  const { mode, outgoing, nic } = context;
  const isByQueue = mode === 'qm';
  const parted = `packets of one flow were handled on several ${isByQueue ? 'queues' : 'CPUs'}`;
  if (nic !== undefined) return simulated(parted, nic, context.groups);
  if (context.lacksRss === true) {
    const { message, remedy } = withoutRss(context);
    return { message: `${parted}: ${message}`, remedy };
  }
  const sent =
    outgoing > 0
      ? `; ${outgoing} captured packets were sent by this host, and those go by the sender's ${isByQueue ? 'TX queue' : 'CPU'}`
      : '';
  const remedy = `${symmetricOn(context.interface)} or use one receive queue ("ethtool -L ${context.interface} combined 1")`;
  return {
    message: `${parted}${sent}`,
    remedy: `${remedy}${outgoing > 0 ? '; where this host only receives copies, keep what it sends out with --ignore-outgoing' : ''}`,
  };
}

/** Toeplitz gives both directions one hash if its key repeats every 16 bits. 40 bytes, which most NICs take. */
const SYMMETRIC_KEY = Array(20).fill('6D:5A').join(':');

function symmetricOn(device: string): string {
  return `make RSS symmetric ("ethtool -X ${device} hkey ${SYMMETRIC_KEY}", or "ethtool -X ${device} xfrm symmetric-xor" where the driver has it)`;
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
