/** What the text of a stack tells about how the kernel hashes its packets. Pure. */

/** Inside these the kernel hashes the outer addresses and ports alone. */
export const OUTER_HASHED: readonly string[] = ['vxlan', 'geneve', 'gtpu', 'l2tp', 'teredo', 'ayiya', 'lisp', 'capwap'];

/** What flows have in common for which there was no place among the stacks that are told apart: nothing (native/core/evidence/evidence.hpp). */
export const FURTHER_STACKS = 'other';

export function hasLayer(stack: string, names: readonly string[]): boolean {
  return stack.split('/').some((layer) => names.includes(layer));
}

/** The family of the fragmented header where there is one, else of the innermost IP header. */
export function family(stack: string): 4 | 6 | undefined {
  const layers = stack.split('/');
  const fragment = layers.indexOf('frag');
  const last = layers.slice(0, fragment < 0 ? layers.length : fragment).findLast(isIp);
  if (last === undefined) return undefined;
  return last === 'ipv4' ? 4 : 6;
}

const PORTS: readonly string[] = ['tcp', 'udp', 'udplite', 'sctp', 'dccp'];

/** Whether the innermost flow is one of addresses alone. */
export function isPortless(stack: string): boolean {
  return !PORTS.includes(stack.split('/').at(-1) ?? '');
}

/** Tags of all types are one layer. */
export const UNKNOWN_TAG = 'a VLAN tag of a type that the kernel does not know, such as 0x9100';

/** Tags and one IP header, whole or in pieces: the kernel reads all of it, unless it does not know the type of a tag. */
export function isTaggedAlone(stack: string): boolean {
  return /^(?:vlan\/)+ipv[46]\/(?:frag\/)?(?:tcp|udp|udplite|sctp|dccp|icmp6?)$/.test(stack);
}

/** Ethertypes, or what they announce, at which the dissector stops. */
const HIDING: readonly string[] = ['mpls', 'cmd', 'vntag', 'etag', 'fabricpath', 'pbb', 'snap', 'nsh', 'fr', 'garland', 'ppp'];

/** What of these comes before any address, where the hash then ends. */
export function hiddenBehind(stack: string): string | undefined {
  const layers = stack.split('/');
  const first = layers.findIndex(isIp);
  return layers.slice(0, Math.max(first, 0)).find((layer) => HIDING.includes(layer));
}

/** Whether a tag of HSR or PRP comes before any address. */
export function startsWithHsr(stack: string): boolean {
  return /^(vlan\/)*hsr\//.test(stack);
}

/**
 * Whether the hash ends at the outer header of a tunnel. It reaches into IP in IP and GRE with IP or Ethernet inside, but never into UDP. PPP
 * in GRE of version 1 is one that it does look into: there, no key differs for the reason that this is about.
 */
export function isTunnelled(stack: string): boolean {
  const layers = stack.split('/');
  const first = layers.findIndex(isIp);
  const inside = first < 0 ? [] : layers.slice(first);
  return inside.slice(0, -1).includes('udp') || inside.some((layer) => HIDING.includes(layer) || ENDS_AT_OUTER_ADDRESSES.includes(layer));
}

const ENDS_AT_OUTER_ADDRESSES: readonly string[] = ['erspan', 'etherip', 'srv6l2', 'eoip', 'wlan', 'ext'];

/** Whether the flow is a GRE tunnel's own, because what the tunnel carries is no IP. In UDP the flow is that of the ports. */
export function carriesNoFlow(stack: string): boolean {
  return /(?:ipv4|ipv6|frag|ext)\/(?:nv)?gre(?:\/(?!ipv4|ipv6)[^/.]+)*$/.test(stack);
}

function isIp(layer: string): boolean {
  return layer === 'ipv4' || layer === 'ipv6';
}

/** What readers of a report call the layers that hide a flow. */
const NAMES: Readonly<Record<string, string>> = {
  vlan: UNKNOWN_TAG,
  pppoe: 'a PPPoE header',
  hsr: 'a tag of HSR or PRP',
  batman: 'a header of batman-adv',
  mpls: 'an MPLS label',
  cmd: 'a Cisco MetaData tag',
  fabricpath: 'a Cisco FabricPath header',
  vntag: 'a VN-Tag',
  etag: 'an E-Tag',
  pbb: 'a service tag of 802.1ah',
  snap: 'a header of LLC and SNAP',
  nsh: 'a network service header (NSH)',
  fr: 'a header of frame relay',
  garland: 'a header of Garland',
  gre: 'a header of GRE',
  nvgre: 'a header of NVGRE',
  erspan: 'ERSPAN',
  etherip: 'EtherIP',
  srv6l2: 'Ethernet in IP',
  eoip: 'EoIP',
  wlan: 'a header of IEEE 802.11',
  vxlan: 'VXLAN',
  geneve: 'Geneve',
  gtpu: 'GTP-U',
  l2tp: 'L2TP',
  teredo: 'Teredo',
  ayiya: 'AYIYA',
  lisp: 'LISP',
  capwap: 'CAPWAP',
};

/** What stands around the packets of one stack and not around those of another, in words; undefined where that has no name of its own. */
export function nameOfDifference(stack: string, other: string): string | undefined {
  const [layers, others] = [stack.split('/'), other.split('/')];
  while (layers.length > 0 && layers.at(-1) === others.at(-1)) {
    layers.pop();
    others.pop();
  }
  while (layers.length > 0 && layers[0] === others[0]) {
    layers.shift();
    others.shift();
  }
  const telling = layers.findLast((layer) => Object.hasOwn(NAMES, layer));
  if (telling !== undefined) return NAMES[telling];
  return layers.some(isIp) ? 'another IP header' : undefined;
}

/** "ipv4/tcp, ipv4/udp and 3 more" */
export function listed(stacks: readonly string[]): string {
  const shown = stacks.slice(0, 4).join(', ');
  return stacks.length > 4 ? `${shown} and ${stacks.length - 4} more` : shown;
}
