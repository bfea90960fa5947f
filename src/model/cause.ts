/** Why a flow did not stay on one process. A closed set: --tolerate takes these codes, and docs/verdicts.md has a heading for each. */

interface CauseInfo {
  /** True where the finding says nothing against the mode: such flows never turn the answer to NO. */
  readonly harmless: boolean;
  /** In a few words, as the first line of a report has it: what parts the flows. */
  readonly short: string;
  readonly summary: string;
}

export const CAUSES = {
  'hash-asymmetric': {
    harmless: false,
    short: 'the hash of this kernel is not symmetric here',
    summary: 'one kernel key, several processes: the kernel broke the promise of its hash',
  },
  'known-bug-a': {
    harmless: false,
    short: 'a known bug of old kernels',
    summary: 'kernels 4.2 to 4.6 hash the two directions of a flow differently',
  },
  'known-bug-b': {
    harmless: false,
    short: 'a known bug of kernels before 6.0',
    summary: 'kernels before 6.0 split address pairs that differ only in the top bit of the last octet',
  },
  'known-bug-c': {
    harmless: false,
    short: 'IPv6 flow labels in one direction only, a known bug of kernels before 6.6',
    summary: 'kernels 4.7 to 6.5 split IPv6 flows that carry a flow label in one direction only',
  },
  'known-bug-d': {
    harmless: false,
    short: 'IPv4 inside IPv6',
    summary: 'IPv4 inside IPv6: every kernel known today hashes octets of the outer source address too',
  },
  'sent-tagged': {
    harmless: false,
    short: 'packets that this host sent with the VLAN tag in their bytes',
    summary: 'this host sent packets with the VLAN tag in their bytes: their hash covers no addresses',
  },
  'fragment-v4': {
    harmless: false,
    short: 'IPv4 fragments',
    summary: 'IPv4 fragments are hashed without ports, apart from the rest of their flow',
  },
  'fragment-v6': {
    harmless: false,
    short: 'IPv6 fragments',
    summary: 'IPv6 fragments are hashed without ports, and the kernel never reassembles them for a group',
  },
  'tunnel-outer-only': {
    harmless: false,
    short: 'tunnels, labels or tags that differ between packets of a flow',
    summary: 'the kernel hashes the outer header of this tunnel only, and that differs by direction',
  },
  'esp-ah-spi': {
    harmless: true,
    short: 'ESP or AH',
    summary: 'the kernel hashes the SPI of ESP and AH as ports, and each direction has its own',
  },
  'tunnel-payload-types': {
    harmless: true,
    short: 'frames without IP in a tunnel',
    summary: 'a tunnel carries frames without IP, and the kernel hashes their type: no flow inside was split',
  },
  'icmp-error': {
    harmless: true,
    short: 'ICMP errors',
    summary: 'an ICMP error about the flow went to another process: the kernel hashes its own addresses',
  },
  'no-spread': {
    harmless: true,
    short: 'traffic that does not spread',
    summary: 'all packets of a kind of traffic have one kernel key, so one process gets all of it',
  },
  'lb-by-design': {
    harmless: false,
    short: 'the design of mode lb',
    summary: 'mode lb deals packets out in turn and never promised to keep flows together',
  },
  'rnd-by-design': {
    harmless: false,
    short: 'the design of mode rnd',
    summary: 'mode rnd throws dice for each packet and never promised to keep flows together',
  },
  'rollover-under-load': {
    harmless: false,
    short: 'rings without room',
    summary: 'a full ring made the kernel pass packets on to another process',
  },
  'rss-asymmetric': {
    harmless: false,
    short: 'several receive queues or CPUs',
    summary: 'packets of one flow were received on several queues or CPUs',
  },
  'bpf-program': {
    harmless: false,
    short: 'the steering program',
    summary: 'the steering program returned different members for packets of one flow',
  },
  'bpf-program-missing': {
    harmless: true,
    short: 'no steering program',
    summary: 'mode cbpf or ebpf without a program: the kernel gives everything to the first member',
  },
  'membership-change': {
    harmless: true,
    short: 'a change of the group',
    summary: 'the flow moved at the moment when a process joined or left the group',
  },
  duplicated: { harmless: false, short: 'packets that the interface sees twice', summary: 'the same packets arrived at several processes' },
  unexplained: { harmless: false, short: 'a cause that is not known', summary: 'what was measured does not establish any known cause' },
} as const satisfies Record<string, CauseInfo>;

export type CauseCode = keyof typeof CAUSES;
export const CAUSE_CODES = Object.keys(CAUSES) as readonly CauseCode[];

export function isCauseCode(text: string): text is CauseCode {
  return Object.hasOwn(CAUSES, text);
}
