/** Words for flows whose packets are wrapped in ways that the hash does not look through. Pure. */
import type { CauseArgs } from '../../model/findings/cause.ts';
import type { WrappingLayer } from '../../model/wrapping.ts';
import { STEER_INSIDE } from './cure.ts';
import { ofFlows } from './flows.ts';
import { readersText } from './readers.ts';
import type { Words } from './say.ts';

export const WRAPPING_WORDS: Words<Pick<CauseArgs, 'tunnel-outer-only'>> = {
  'tunnel-outer-only': (args) => {
    const { inTunnels, tagTypesDiffer, mixed, concernsNoReader } = args;
    const isOutside = tagTypesDiffer || mixed !== undefined;
    const isInTunnels = inTunnels !== undefined || !isOutside;
    const hidden = [
      ...(isInTunnels ? [OUTER_DIFFERS] : []),
      ...(tagTypesDiffer ? [TAG_TYPES_DIFFER] : []),
      ...(mixed === undefined ? [] : [mixedText(mixed)]),
    ].join('; besides, ');
    const why = inTunnels?.hasHashedPorts === true ? [HASHED_PORTS] : [];
    const readers = [inTunnels, mixed].map((flows) => readersText(flows?.readers ?? [])).filter((text) => text !== '');
    const elsewhere = [...(isInTunnels ? [END_OF_TUNNEL] : []), ...(isOutside ? [STRIP] : [])].join('; for the others ');
    return ofFlows(args, {
      message: [hidden, ...why, ...readers].join('; '),
      // Steered deeper than its reader looks, the flow outside would be scattered.
      remedy: concernsNoReader ? `${elsewhere}; ${FOR_NOBODY}` : `${STEER_INSIDE}; or ${elsewhere}`,
    });
  },
};

const OUTER_DIFFERS =
  'the kernel hashes the outer header of the tunnel, not the flow inside, and the outer ones differ between packets of one inner flow';
const UNKNOWN_TAG = 'a VLAN tag of a type that the kernel does not know, such as 0x9100';
const TAG_TYPES_DIFFER = `some packets of the flow are behind ${UNKNOWN_TAG}, where the hash of the kernel does not look, and others behind tags that it knows, such as one direction with 0x9100 and one with 0x8100`;
const HASHED_PORTS = 'each end of VXLAN and Geneve takes the outer source port from a hash of its own (RFC 7348, RFC 8926)';
const END_OF_TUNNEL = 'end the tunnel before the sensor, or let the IDS receive it by a socket of its own';
const STRIP = 'have the packet broker strip labels, tags and tunnels in both directions';
const FOR_NOBODY = 'where the sensor is one of these, it loses nothing by it (--tolerate tunnel-outer-only)';

/** One sentence for flows whose packets are wrapped otherwise. */
function mixedText({ some, others }: NonNullable<CauseArgs['tunnel-outer-only']['mixed']>): string {
  const where = some.length === 0 ? 'a label or a tag, or in a tunnel' : eitherOf(some);
  const rest = others.length === 0 ? 'are not' : `behind ${eitherOf(others)}`;
  return `some packets of the flow are behind ${where}, where the hash of the kernel does not look, and others ${rest}, such as one direction with it and one without`;
}

function eitherOf(layers: readonly WrappingLayer[]): string {
  return layers
    .map((layer) => NAMES[layer])
    .sort()
    .join(' or ');
}

const NAMES: Readonly<Record<WrappingLayer, string>> = {
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
  ip: 'another IP header',
};
