/** Words for packets that came twice, and for such above the MTU: what an IDS makes of them. Pure. */
import type { CopiesSeen } from '../../model/copies.ts';
import type { WarningArgs } from '../../model/findings/warning.ts';
import type { CopyFacts, LargeFacts } from '../../model/run-facts.ts';
import { grouped } from './english.ts';
import type { Said } from './say.ts';

export function packetsTwice(copies: WarningArgs['packets-twice']): Said {
  return 'file' in copies ? ofFile(copies) : live(copies);
}

function live({ interface: device, ...copies }: CopyFacts & { readonly interface: string }): Said {
  return {
    message: `${copiesText(copies)}${crossedText(copies)}; ${COPIES_HARM}`,
    remedy:
      copies.crossed * 2 > copies.again
        ? `leave out what this host sends: the fanout flag ignore-outgoing (Linux 6.2; here --ignore-outgoing), or a filter "inbound"`
        : `let each packet come to ${device} once: mirror a port, or a VLAN, in one direction only where both ends of its traffic are mirrored`,
  };
}

function ofFile({ file, ...copies }: CopiesSeen & { readonly file: string }): Said {
  return {
    message: `of ${file}, ${copiesText(copies)}; ${COPIES_HARM}`,
    remedy: `capture again on one interface, mirroring a port, or a VLAN, in one direction only where both ends of its traffic are mirrored; of copies that are alike to the last byte "editcap -w 0.067 ${file} OUT" leaves one`,
  };
}

const COPIES_HARM = 'an IDS counts both, and takes the second of a TCP segment for a retransmission';

function copiesText({ looked, again, apartNs }: CopiesSeen): string {
  return `${grouped(again)} of ${grouped(looked)} packets that were looked at are copies of one that came ${timeText(apartNs)} before (mean)`;
}

function crossedText({ again, crossed }: CopyFacts): string {
  if (crossed === 0) return '';
  return `, ${crossed === again ? '' : `${grouped(crossed)} of them `}one as it was sent by this host and the other as it was received`;
}

function timeText(ns: number): string {
  if (ns < 1000) return 'less than 1 µs';
  if (ns < 1_000_000) return `${Math.round(ns / 1000)} µs`;
  return `${(ns / 1_000_000).toFixed(1)} ms`;
}

const RECEIVING = ['gro', 'lro', 'rx-gro-hw', 'rx-gro-list', 'rx-udp-gro-forwarding'];
const SENDING = ['tso', 'gso', 'tx-udp-segmentation'];

/** Devices whose packets were received, and merged, by others: GRO of their own does nothing. */
const BELOW_THEM = ['bridge', 'bond', 'team', 'vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'vrf', 'hsr'];
/** Devices into which a program or another namespace writes segments that are still whole. */
const FAR_ENDS = ['veth', 'tun', 'netkit', 'dummy', 'ifb'];

export function aboveMtu({ captured, interface: device, kind = '', offloads = [], ...large }: WarningArgs['above-mtu']): Said {
  const remedies = [
    ...(large.received > 0 ? [receivedRemedy(device, kind, offloads)] : []),
    ...(large.sent > 0 ? sentRemedy(device, offloads) : []),
  ];
  return {
    message: `${grouped(large.received + large.sent)} of ${grouped(captured)} packets were larger than the MTU of ${device} (${large.mtu} bytes), up to ${large.largestBytes} bytes: ${whatTheyAre(large)}; an IDS gets one packet for several: rules on the size of packets and the tracking of TCP go wrong, and what exceeds its snap length is cut`,
    ...(remedies.length === 0 ? {} : { remedy: remedies.join('; ') }),
  };
}

function whatTheyAre({ received, sent, merged }: LargeFacts): string {
  const kinds = [
    ...(received > 0 ? [`${grouped(received)} received, merged from several segments (GRO, LRO) or never split`] : []),
    ...(sent > 0 ? [`${grouped(sent)} sent by this host, to be split by its NIC (TSO, GSO)`] : []),
  ];
  return `${kinds.join(' and ')}${merged > 0 ? `, ${grouped(merged)} of them of several TCP segments by the kernel's mark` : ''}`;
}

function receivedRemedy(device: string, kind: string, offloads: readonly string[]): string {
  if (BELOW_THEM.includes(kind)) return `switch merging off on the devices below ${device}`;
  const own = FAR_ENDS.includes(kind) ? [] : RECEIVING.filter((name) => offloads.includes(name));
  if (own.length > 0) return `receive them as they were sent: "ethtool -K ${device} ${own.map((name) => `${name} off`).join(' ')}"`;
  return `nothing on ${device} merges them: where they are sent (a container, a virtual machine, the other end) segmentation offload leaves them whole, or the network's own MTU is larger`;
}

function sentRemedy(device: string, offloads: readonly string[]): readonly string[] {
  const own = SENDING.filter((name) => offloads.includes(name));
  if (own.length === 0) return [];
  return [
    `to see what leaves as it is on the wire: "ethtool -K ${device} ${own.map((name) => `${name} off`).join(' ')}", which costs the sender CPU time`,
  ];
}
