/** Which readers follow a flow through which encapsulation, by their sources (docs/encapsulations.md). Pure. */
import type { ViolationTraits } from '../../model/evidence.ts';
import { READERS, type Reader, type ReadStacks } from '../../model/reader.ts';
import { isTunnelled } from './stack-layers.ts';

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

/** What a violation tells of how its packets are wrapped. */
export type Wrapped = Pick<ViolationTraits, 'stack' | 'mixedWrappings' | 'wrapping'>;

/**
 * The readers for which packets of several kernel keys are one flow. Where packets came in two wrappings these are the readers that open both, and
 * those that open one which the kernel may hash by other fields in each packet. What the wrappings are is not always known: then it may be any.
 */
export function concernedReaders({ stack, mixedWrappings, wrapping }: Wrapped): readonly Reader[] {
  if (!mixedWrappings) return readersOf(stack);
  if (wrapping === undefined) return ALL;
  const inner = [stack, wrapping].filter(isTunnelled).flatMap(readersOf);
  const both = readersOf(stack).filter((reader) => readersOf(wrapping).includes(reader));
  return READERS.filter((reader) => both.includes(reader) || inner.includes(reader));
}

/** These stacks by the readers that track the innermost flow. */
export function readersByStack(stacks: readonly string[]): readonly ReadStacks[] {
  return byReaders(new Map(stacks.map((stack) => [stack, readersOf(stack)])));
}

/** The same where packets came in two wrappings, by the one that not all readers open. */
export function readersByWrapping(flows: readonly Wrapped[]): readonly ReadStacks[] {
  return byReaders(new Map(flows.flatMap((flow) => (flow.wrapping === undefined ? [] : [[flow.wrapping, concernedReaders(flow)]]))));
}

function byReaders(readersOfStack: ReadonlyMap<string, readonly Reader[]>): readonly ReadStacks[] {
  const groups = new Map<string, { readonly readers: readonly Reader[]; readonly stacks: string[] }>();
  for (const [stack, readers] of readersOfStack) {
    const key = readers.join();
    const { stacks } = groups.get(key) ?? { stacks: [] };
    groups.set(key, { readers, stacks: [...stacks, stack] });
  }
  return [...groups.values()];
}
