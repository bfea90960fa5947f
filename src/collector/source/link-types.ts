/** Types of links, ARPHRD_* of linux/if_arp.h: where a packet begins on a device of each. Pure. */
import type { FirstLayer } from '../../model/link.ts';

interface LinkType {
  readonly name: string;
  /** Absent where no flows can be read there, with what to do instead. */
  readonly first?: FirstLayer;
  readonly remedy?: string;
}

const RADIO =
  'an IDS cannot decrypt what it hears: listen behind the access point; a recording of decrypted or open radio traffic can be replayed with --pcap';

/** Those that a network interface of today may have. Of a device whose packets begin at the network header, the kernel's dissector begins there. */
const LINK_TYPES: ReadonlyMap<number, LinkType> = new Map<number, LinkType>([
  [1, { name: 'ETHER', first: 'ethernet' }],
  [32, { name: 'INFINIBAND', first: 'network' }],
  [256, { name: 'SLIP', first: 'network' }],
  [257, { name: 'CSLIP', first: 'network' }],
  [258, { name: 'SLIP6', first: 'network' }],
  [259, { name: 'CSLIP6', first: 'network' }],
  [280, { name: 'CAN', remedy: 'a CAN bus carries no IP' }],
  [512, { name: 'PPP', first: 'network' }],
  [513, { name: 'CISCO', first: 'network' }],
  [518, { name: 'RAWHDLC', first: 'network' }],
  [519, { name: 'RAWIP', first: 'network' }],
  [768, { name: 'TUNNEL', first: 'network' }],
  [769, { name: 'TUNNEL6', first: 'network' }],
  [772, { name: 'LOOPBACK', first: 'ethernet' }],
  [776, { name: 'SIT', first: 'network' }],
  [778, { name: 'IPGRE', first: 'network' }],
  [779, { name: 'PIMREG', first: 'network' }],
  [801, { name: 'IEEE80211', remedy: RADIO }],
  [802, { name: 'IEEE80211_PRISM', remedy: RADIO }],
  [803, { name: 'IEEE80211_RADIOTAP', remedy: RADIO }],
  [804, { name: 'IEEE802154', remedy: 'choose the 6LoWPAN interface above it' }],
  [805, { name: 'IEEE802154_MONITOR', remedy: 'choose the 6LoWPAN interface above it' }],
  [820, { name: 'PHONET', remedy: 'choose the interface that carries IP' }],
  [823, { name: 'IP6GRE', first: 'network' }],
  [824, { name: 'NETLINK', remedy: 'nlmon shows messages between programs and the kernel, and no traffic' }],
  [825, { name: '6LOWPAN', first: 'network' }],
  [826, { name: 'VSOCKMON', remedy: 'vsockmon shows connections between this host and its guests, which are not IP' }],
  [0xfffe, { name: 'NONE', first: 'network' }],
]);

/** Undefined for a type whose packets no flow can be read from. */
export function firstLayerOf(hardwareType: number): FirstLayer | undefined {
  return LINK_TYPES.get(hardwareType)?.first;
}

export function linkTypeText(hardwareType: number): string {
  const name = LINK_TYPES.get(hardwareType)?.name;
  return name === undefined ? `${hardwareType} (see ARPHRD_* in linux/if_arp.h)` : `${hardwareType} (ARPHRD_${name})`;
}

export function remedyForLinkType(hardwareType: number): string {
  return LINK_TYPES.get(hardwareType)?.remedy ?? 'choose the interface that the IDS listens on, if that is another one';
}
