/** Why nothing was captured on a live interface, in words. Pure. */
import type { NoTrafficWhy, OwnAddresses } from '../../model/findings/doubt.ts';
import { counted } from './english.ts';

/** Absent message: nothing could be looked at. */
export interface Why {
  readonly message?: string;
  readonly remedy: string;
}

export function whyNoTraffic(why: NoTrafficWhy, device: string): Why {
  switch (why.kind) {
    case 'ignores-outgoing':
      return {
        message:
          why.sent === undefined
            ? `--ignore-outgoing leaves out what this host sends on ${device}`
            : `this host sent ${counted(why.sent, 'packet')} on ${device} meanwhile, and --ignore-outgoing leaves those out`,
        remedy: 'run without --ignore-outgoing',
      };
    case 'ignores-mirrored':
      return {
        message: `${counted(why.packets, 'packet')} went to ${device} meanwhile; what is mirrored there counts as sent by this host, and --ignore-outgoing leaves that out`,
        remedy: 'run without --ignore-outgoing',
      };
    case 'no-carrier':
      return {
        message: `${device} has no carrier`,
        remedy: `connect it, or bring the other end up ("ip link show ${device}" says NO-CARRIER)`,
      };
    case 'xdp':
      return {
        message: `${seen(device, why.received)}: XDP program ${why.program} is attached, which sees packets before any socket does`,
        remedy: `capture where that program sends them, or detach it ("ip link set dev ${device} ${why.isGeneric ? 'xdpgeneric' : 'xdp'} off"); "bpftool prog show id ${why.program}" describes it`,
      };
    case 'filter':
      return {
        message: `${seen(device, why.received)}: --filter refused ${why.received === 1 ? 'it' : 'them all'}`,
        remedy: 'run without --filter, or look at it with tcpdump -d',
      };
    case 'taken-before':
      return {
        message: seen(device, why.received),
        remedy: `see what takes them first ("tc filter show dev ${device} ingress"), and run again`,
      };
    case 'own-addresses': {
      const { message, remedy } = ownAddresses(why);
      return { message: `${seen(device, 0)}: ${message}`, remedy };
    }
    case 'no-promisc':
      return {
        message: `${seen(device, 0)}; --no-promisc has the NIC refuse frames for other addresses`,
        remedy: 'run without --no-promisc; if that changes nothing, see whether the mirror or tap sends to this interface',
      };
    case 'nothing-received':
      return {
        message: seen(device, 0),
        remedy: 'see whether the mirror or tap sends to this interface, and whether it is the right one ("ip -s link")',
      };
    case 'untold':
      return { remedy: `look ${guesses(device, why)}` };
  }
}

function seen(device: string, received: number): string {
  return received === 0
    ? `${device} received nothing meanwhile, by the kernel's own counter`
    : `${device} received ${counted(received, 'packet')} meanwhile, and none reached the packet sockets`;
}

export function ownAddresses(own: OwnAddresses): Required<Why> {
  return own.device === 'macvlan'
    ? {
        message: `a macvlan in mode ${own.mode} gets only frames for its own address`,
        remedy: 'capture on the device below it, or make the macvlan in mode passthru',
      }
    : { message: 'an ipvlan gets only packets for its own addresses', remedy: 'capture on the device below it' };
}

function guesses(device: string, { filter, noPromisc }: Extract<NoTrafficWhy, { kind: 'untold' }>): string {
  const all = [
    `whether traffic arrives ("ip -s link show ${device}")`,
    ...(filter ? ['whether --filter refuses it'] : []),
    ...(noPromisc ? ['whether --no-promisc hides it'] : []),
  ];
  const last = all.pop() ?? '';
  return `${all.length === 0 ? '' : `${all.join(', ')} and `}${last}`;
}
