/** Why nothing was captured on a live interface, as far as the kernel tells it. Pure. Nothing is guessed that could be looked at. */
import type { LinkState, LinkStates } from '../../model/link.ts';
import type { RunFacts } from '../../model/run-facts.ts';

export interface Finding {
  /** Absent where nothing could be looked at. */
  readonly message?: string;
  readonly remedy: string;
}

export function whyNoTraffic(facts: RunFacts): Finding {
  const { interface: device, link, flags } = facts;
  const ignored = flags.includes('ignore-outgoing') ? ignoredOutgoing(device, link) : undefined;
  return ignored ?? (link === undefined ? unknown(facts) : ofLink(facts, link));
}

/** The flag comes first: without it the question would not be there. */
function ignoredOutgoing(device: string, link: LinkStates | undefined): Finding | undefined {
  const sent = link === undefined ? undefined : link.after.txPackets - link.before.txPackets;
  if (sent === 0) return undefined;
  const message =
    sent === undefined
      ? `--ignore-outgoing leaves out what this host sends on ${device}`
      : `this host sent ${counted(sent)} on ${device} meanwhile, and --ignore-outgoing leaves those out`;
  return { message, remedy: 'run without --ignore-outgoing' };
}

function ofLink(facts: RunFacts, { before, after }: LinkStates): Finding {
  const device = facts.interface;
  if (!after.running)
    return {
      message: `${device} has no carrier`,
      remedy: `connect it, or bring the other end up ("ip link show ${device}" says NO-CARRIER)`,
    };
  const received = after.rxPackets - before.rxPackets;
  if (received > 0) return notPassedOn(facts, received, after);
  const seen = `${device} received nothing meanwhile, by the kernel's own counter`;
  const xdp = xdpFinding(device, seen, after);
  if (xdp !== undefined) return xdp;
  const own = ownAddressesOnly(after);
  if (own !== undefined) return { message: `${seen}: ${own.message}`, remedy: own.remedy };
  if (facts.narrowedBy?.noPromisc === true)
    return {
      message: `${seen}; --no-promisc has the NIC refuse frames for other addresses`,
      remedy: 'run without --no-promisc; if that changes nothing, see whether the mirror or tap sends to this interface',
    };
  return { message: seen, remedy: `see whether the mirror or tap sends to this interface, and whether it is the right one ("ip -s link")` };
}

/** Devices past which the traffic of others goes. */
export function ownAddressesOnly({ kind, mode }: LinkState): Required<Finding> | undefined {
  if (kind === 'macvlan' && mode !== 'passthru')
    return {
      message: `a macvlan in mode ${mode ?? 'other than passthru'} gets only frames for its own address`,
      remedy: 'capture on the device below it, or make the macvlan in mode passthru',
    };
  if (kind === 'ipvlan') return { message: 'an ipvlan gets only packets for its own addresses', remedy: 'capture on the device below it' };
  return undefined;
}

/** Packets came as far as the driver. */
function notPassedOn({ interface: device, narrowedBy }: RunFacts, received: number, after: LinkState): Finding {
  const seen = `${device} received ${counted(received)} meanwhile, and none reached the packet sockets`;
  const xdp = xdpFinding(device, seen, after);
  if (xdp !== undefined) return xdp;
  if (narrowedBy?.filter === true)
    return {
      message: `${seen}: --filter refused ${received === 1 ? 'it' : 'them all'}`,
      remedy: 'run without --filter, or look at it with tcpdump -d',
    };
  return { message: seen, remedy: `see what takes them first ("tc filter show dev ${device} ingress"), and run again` };
}

function xdpFinding(device: string, seen: string, { xdp }: LinkState): Finding | undefined {
  if (xdp === undefined) return undefined;
  return {
    message: `${seen}: XDP program ${xdp.program} is attached, which sees packets before any socket does`,
    remedy: `capture where that program sends them, or detach it ("ip link set dev ${device} ${xdp.isGeneric ? 'xdpgeneric' : 'xdp'} off"); "bpftool prog show id ${xdp.program}" describes it`,
  };
}

/** Nobody could look: what was asked for, and what may be. */
function unknown({ interface: device, narrowedBy }: RunFacts): Finding {
  const guesses = [
    `whether traffic arrives ("ip -s link show ${device}")`,
    ...(narrowedBy?.filter === true ? ['whether --filter refuses it'] : []),
    ...(narrowedBy?.noPromisc === true ? ['whether --no-promisc hides it'] : []),
  ];
  const last = guesses.pop();
  return { remedy: `look ${guesses.length === 0 ? '' : `${guesses.join(', ')} and `}${last}` };
}

function counted(packets: number): string {
  return `${packets} packet${packets === 1 ? '' : 's'}`;
}
