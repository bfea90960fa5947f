/** Which readers follow a flow through which encapsulation, by their sources (docs/encapsulations.md). Pure. */
import { listed } from './stack-layers.ts';

export const READERS = ['Suricata', 'Zeek', 'Snort', 'Arkime'] as const;
export type Reader = (typeof READERS)[number];

const ALL: readonly Reader[] = READERS;
const NONE: readonly Reader[] = [];

/**
 * By layer, or by a layer and the one around it where that makes a difference; the narrower key counts. What stands in no row, such as IP and the
 * transports, is opened by all. Options that are not on by default do not count.
 */
const OPENED_BY: Readonly<Record<string, readonly Reader[]>> = {
  '/eth': ['Snort', 'Arkime'],
  '/ppp': ['Snort', 'Arkime'],
  hsr: NONE,
  batman: NONE,
  cmd: ['Snort', 'Arkime'],
  fabricpath: ['Suricata', 'Zeek', 'Snort'],
  vntag: ['Suricata', 'Zeek'],
  'vntag/ipv4': ['Suricata'],
  'vntag/ipv6': ['Suricata'],
  'vntag/mpls': ['Suricata'],
  etag: ['Suricata'],
  pbb: ['Suricata', 'Zeek'],
  snap: ['Zeek', 'Snort'],
  fr: ['Arkime'],
  garland: NONE,
  nsh: ['Suricata', 'Arkime'],
  'nsh/nsh': ['Arkime'],
  'mpls/pw': ['Suricata'],
  'mpls/eth': ['Snort'],
  'ipv4/mpls': ['Snort'],
  'ipv6/mpls': ['Snort'],
  'ipv4/ah': ['Snort', 'Arkime'],
  ext: ['Suricata'],
  etherip: NONE,
  srv6l2: NONE,
  eoip: NONE,
  'gre/ppp': ['Suricata', 'Arkime'],
  'gre/vlan': ['Suricata', 'Snort'],
  'gre/mpls': ['Snort', 'Arkime'],
  'gre/nsh': ['Arkime'],
  wlan: ['Zeek'],
  'vxlan/ipv4': ['Arkime'],
  'vxlan/ipv6': ['Arkime'],
  'vxlan/nsh': ['Arkime'],
  'vxlan/mpls': NONE,
  'geneve/mpls': ['Snort', 'Arkime'],
  'geneve/vlan': ['Snort'],
  'geneve/nsh': ['Arkime'],
  gtpu: ['Zeek', 'Snort', 'Arkime'],
  teredo: ['Suricata', 'Zeek', 'Snort'],
  l2tp: NONE,
  ayiya: ['Zeek'],
  'udp/gre': ['Zeek'],
  'udp/nvgre': ['Zeek'],
  'udp/mpls': NONE,
  lisp: NONE,
  capwap: NONE,
};

/** The readers that track the innermost flow of such a stack: those that open each layer around it. */
export function readersOf(stack: string): readonly Reader[] {
  const layers = stack.split('/');
  return layers.slice(0, -1).reduce<readonly Reader[]>((readers, layer, i) => {
    const openers = OPENED_BY[`${layers[i - 1] ?? ''}/${layer}`] ?? OPENED_BY[layer] ?? ALL;
    return readers.filter((reader) => openers.includes(reader));
  }, ALL);
}

/** "Zeek tracks the flow inside; none of Suricata, ... tracks the one inside ipv4/udp/lisp/ipv4/tcp" */
export function readersText(stacks: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const stack of stacks) {
    const readers = readersOf(stack).join(', ');
    groups.set(readers, [...(groups.get(readers) ?? []), stack]);
  }
  const where = (inside: readonly string[]) => (groups.size === 1 ? '' : ` in ${listed(inside)}`);
  return [...groups]
    .map(([readers, inside]) => {
      if (readers === '') return `none of ${readersListed(READERS, 'and')} tracks the flow inside${where(inside)}`;
      const names = readers.split(', ');
      return `${readersListed(names, 'and')} ${names.length === 1 ? 'tracks' : 'track'} the flow inside${where(inside)}`;
    })
    .join('; ');
}

function readersListed(names: readonly string[], conjunction: string): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${conjunction} ${names.at(-1) ?? ''}`;
}
