/** From what violations look like to why they happened. Pure. What is not established is `unexplained`, never guessed. */
import { CAUSES, type CauseCode } from '../model/cause.ts';
import type { ViolationGroup, ViolationTraits } from '../model/evidence.ts';
import type { FanoutFlag, FanoutMode } from '../model/fanout.ts';
import { isAtLeast, isOnBranchFrom, type KernelRelease, parseKernelRelease } from '../model/kernel-release.ts';
import type { CauseResult } from '../model/run-result.ts';

export interface DiagnosisContext {
  readonly interface: string;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  readonly kernel: string;
  /** Packets that the kernel passed on because of the rollover flag (PACKET_ROLLOVER_STATS tp_all). */
  readonly rolledOver: number;
  /** Captured packets that this host sent. */
  readonly outgoing: number;
  /** All violations of the run: some bugs are told apart by what else went wrong. */
  readonly groups: readonly ViolationGroup[];
}

interface Explanation {
  readonly message: string;
  readonly remedy?: string;
}

interface Rule {
  readonly code: CauseCode;
  readonly holds: (traits: ViolationTraits, context: DiagnosisContext) => boolean;
}

/** The first rule that holds names the cause. Rules above the modes are about the input, the others about one mode each. */
const RULES: readonly Rule[] = [
  { code: 'duplicated', holds: (traits) => traits.kind === 'duplicated' },
  { code: 'membership-change', holds: (traits) => traits.movedAtChange === true },
  { code: 'lb-by-design', holds: (_, { mode }) => mode === 'lb' },
  { code: 'rnd-by-design', holds: (_, { mode }) => mode === 'rnd' },
  { code: 'rollover-under-load', holds: (_, { mode }) => mode === 'rollover' },
  { code: 'rollover-under-load', holds: (traits, context) => context.mode === 'hash' && rolled(context) && traits.oneKernelKey },
  // Under any other mode a rollover and an asymmetric steering look alike: neither is established.
  { code: 'unexplained', holds: (_, context) => context.mode !== 'hash' && rolled(context) },
  { code: 'rss-asymmetric', holds: (_, { mode }) => mode === 'qm' || mode === 'cpu' },
  { code: 'bpf-program', holds: (_, { mode }) => mode === 'cbpf' || mode === 'ebpf' },
  { code: 'fragment-v4', holds: (traits) => isPartedByFragments(traits) && family(traits) === 4 },
  { code: 'fragment-v6', holds: (traits) => isPartedByFragments(traits) && family(traits) === 6 },
  { code: 'known-bug-d', holds: (traits) => !traits.oneKernelKey && traits.staleIpv6 },
  { code: 'esp-ah-spi', holds: (traits) => !traits.oneKernelKey && hasLayer(traits, ['esp', 'ah']) && !hasLayer(traits, OUTER_HASHED) },
  { code: 'tunnel-outer-only', holds: (traits) => !traits.oneKernelKey && !traits.fragments && hasLayer(traits, OUTER_HASHED) },
  { code: 'known-bug-c', holds: isBugC },
  { code: 'known-bug-b', holds: isBugB },
  { code: 'known-bug-a', holds: (traits, context) => traits.oneKernelKey && withRelease(context, hasBugA) },
  { code: 'hash-asymmetric', holds: (traits) => traits.oneKernelKey },
];

export function causeOf(traits: ViolationTraits, context: DiagnosisContext): CauseCode {
  return RULES.find((rule) => rule.holds(traits, context))?.code ?? 'unexplained';
}

/** One result per cause, the one with most flows first. */
export function diagnose(context: DiagnosisContext, tolerated: readonly CauseCode[]): readonly CauseResult[] {
  const found = new Map<CauseCode, { flows: number; stacks: Set<string> }>();
  for (const group of context.groups) {
    const code = causeOf(group, context);
    const entry = found.get(code) ?? { flows: 0, stacks: new Set() };
    entry.flows += group.flows;
    entry.stacks.add(group.stack);
    found.set(code, entry);
  }
  return [...found]
    .map(([code, { flows, stacks }]) => causeResult(code, flows, [...stacks].sort(), context, tolerated.includes(code)))
    .sort((a, b) => b.flows - a.flows || (a.code < b.code ? -1 : 1));
}

/** What a mode's design means for flows, said also where no violation was seen. */
export function explainCause(code: CauseCode, context: DiagnosisContext): Explanation {
  return EXPLANATIONS[code](context);
}

function causeResult(
  code: CauseCode,
  flows: number,
  stacks: readonly string[],
  context: DiagnosisContext,
  isTolerated: boolean,
): CauseResult {
  const { message, remedy } = explainCause(code, context);
  return {
    code,
    flows,
    harmless: CAUSES[code].harmless,
    ...(isTolerated ? { tolerated: true } : {}),
    message: `${flows} ${flows === 1 ? 'flow' : 'flows'} (${listed(stacks)}): ${message}`,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function listed(stacks: readonly string[]): string {
  const shown = stacks.slice(0, 4).join(', ');
  return stacks.length > 4 ? `${shown} and ${stacks.length - 4} more` : shown;
}

/** Toeplitz gives both directions one hash if its key repeats every 16 bits. 40 bytes, which most NICs take. */
const SYMMETRIC_KEY = Array(20).fill('6D:5A').join(':');

const EXPLANATIONS: Readonly<Record<CauseCode, (context: DiagnosisContext) => Explanation>> = {
  'hash-asymmetric': ({ kernel }) => ({
    message: `all packets of each such flow have one kernel key, yet kernel ${kernel} put them on several processes; no known bug of this release fits`,
    remedy:
      'do not run an IDS in mode hash here; see whether a BPF flow dissector replaces the kernel\'s ("bpftool net show"), and try --mode qm behind symmetric RSS, or a steering program',
  }),
  'known-bug-a': ({ kernel }) => ({
    message: `the hash of kernel ${kernel} is not symmetric; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)`,
    remedy: 'update the kernel',
  }),
  'known-bug-b': ({ kernel }) => ({
    message: `kernel ${kernel} orders the addresses x.y.z.N and x.y.z.N+128 wrongly, and every one of these flows is such a pair; fixed by commit 64ae13ed4784 in 6.0 and in stable releases of September 2022`,
    remedy: 'update the kernel',
  }),
  'known-bug-c': ({ kernel }) => ({
    message: `kernel ${kernel} hashes IPv6 packets with a flow label without their ports, and only one direction carries a label; fixed by commit a5e2151ff9d5 in 6.6, 5.15.132 and stable releases of September 2023`,
    remedy: 'update the kernel, or switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)',
  }),
  'fragment-v4': ({ flags }) =>
    flags.includes('defrag')
      ? {
          message:
            'the kernel hashes an IPv4 fragment by addresses and protocol only; the defrag flag is set, but it does not reach fragments under two VLAN tags or inside a tunnel',
          remedy: 'strip the outer tags or end the tunnel before the sensor',
        }
      : {
          message: 'the kernel hashes an IPv4 fragment by addresses and protocol only, so it leaves the process of its flow',
          remedy: 'set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T)',
        },
  'fragment-v6': () => ({
    message: 'the kernel hashes an IPv6 fragment by addresses and protocol only, and the defrag flag reassembles IPv4 alone',
    remedy: 'no fanout flag helps; a steering program (--mode ebpf) that ignores ports keeps them together, at the price of balance',
  }),
  'known-bug-d': ({ kernel }) => ({
    message: `kernel ${kernel} hashes octets 8 to 11 of the outer IPv6 source address together with the inner IPv4 flow, so its two directions differ; no release is known that does not`,
    remedy: 'end the tunnel (DS-Lite, 4in6, GRE over IPv6) before the sensor, or steer by the inner addresses (--mode ebpf)',
  }),
  'tunnel-outer-only': () => ({
    message:
      'the kernel hashes the outer addresses and ports of this tunnel only, and the sender of each direction chooses its own outer port or address',
    remedy: 'end the tunnel before the sensor, let the IDS receive it by a socket of its own, or steer by the inner flow (--mode ebpf)',
  }),
  'esp-ah-spi': () => ({
    message:
      'the kernel hashes the SPI of ESP and AH as if it were ports, and each direction of a security association has its own; what is inside is encrypted or authenticated end to end',
    remedy: 'none is needed for ESP: an IDS cannot look inside; for AH capture behind the security gateway',
  }),
  'lb-by-design': () => ({
    message: 'mode lb deals packets out in turn, so a flow of two packets is on two processes by design',
    remedy: 'use --mode hash for an IDS',
  }),
  'rnd-by-design': () => ({
    message: 'mode rnd chooses a process at random for each packet, by design',
    remedy: 'use --mode hash for an IDS',
  }),
  'rollover-under-load': ({ mode, rolledOver }) => ({
    message:
      mode === 'rollover'
        ? 'mode rollover fills one process until its ring has no room, then moves all flows to the next'
        : `a ring had no room, and the kernel passed ${rolledOver} packets on to other processes`,
    remedy:
      mode === 'rollover' ? 'use --mode hash' : 'leave --rollover off; give rings more memory (--ring-size) or more processes instead',
  }),
  'rss-asymmetric': ({ mode, outgoing, interface: device }) => ({
    message: `packets of one flow were handled on several ${mode === 'qm' ? 'queues' : 'CPUs'}${
      outgoing > 0
        ? `; ${outgoing} captured packets were sent by this host, and those go by the sender's ${mode === 'qm' ? 'TX queue' : 'CPU'}`
        : ''
    }`,
    remedy: `make RSS symmetric ("ethtool -X ${device} hkey ${SYMMETRIC_KEY}", or "ethtool -X ${device} hfunc toeplitz symmetric-xor" where the driver has it) or use one receive queue ("ethtool -L ${device} combined 1")${
      outgoing > 0 ? '; keep sent packets out with --ignore-outgoing' : ''
    }`,
  }),
  'bpf-program': ({ mode }) => ({
    message: `the ${mode} steering program returned different members for packets of one flow`,
    remedy:
      'make the program symmetric: combine source and destination by an operation that commutes, and load from SKF_NET_OFF, because offset 0 is the network header for received packets but the link header for sent ones',
  }),
  'membership-change': () => ({
    message: 'they moved when a process joined or left: the kernel then maps about half of all flows anew, in every mode by hash',
    remedy: 'restart the whole group rather than single processes',
  }),
  duplicated: ({ interface: device }) => ({
    message: 'the same packets arrived at more than one process',
    remedy: `find out why ${device} sees each packet twice: a mirror of both directions of two ports or VLANs, a bridge and its port, or a loopback device`,
  }),
  unexplained: (context) =>
    rolled(context)
      ? {
          message: `packets rolled over (${context.rolledOver}), but mode ${context.mode} may have parted these flows as well`,
          remedy: 'test without --rollover',
        }
      : {
          message: 'the kernel hashes packets of one such flow by different fields, and nothing measured establishes why',
          remedy: 'look at the listed observations; a capture of one such flow would help to extend this diagnosis',
        },
};

function rolled({ flags, rolledOver }: DiagnosisContext): boolean {
  return flags.includes('rollover') && rolledOver > 0;
}

// Inside these the kernel hashes the outer addresses and ports alone, so that a fragment is one of two possible reasons.
const OUTER_HASHED = ['vxlan', 'geneve', 'gtpu', 'l2tp', 'teredo'];

function hasLayer({ stack }: ViolationTraits, names: readonly string[]): boolean {
  return stack.split('/').some((layer) => names.includes(layer));
}

function isPartedByFragments(traits: ViolationTraits): boolean {
  return !traits.oneKernelKey && traits.fragments && !hasLayer(traits, OUTER_HASHED);
}

/** The family of the fragmented header where there is one, else of the innermost IP header. */
function family({ stack }: ViolationTraits): 4 | 6 | undefined {
  const layers = stack.split('/');
  const fragment = layers.indexOf('frag');
  const last = layers.slice(0, fragment < 0 ? layers.length : fragment).findLast((layer) => layer === 'ipv4' || layer === 'ipv6');
  if (last === undefined) return undefined;
  return last === 'ipv4' ? 4 : 6;
}

function withRelease(context: DiagnosisContext, test: (release: KernelRelease) => boolean): boolean {
  const release = parseKernelRelease(context.kernel);
  return release !== undefined && test(release);
}

function hasBugA(release: KernelRelease): boolean {
  if (!isAtLeast(release, 4, 2) || isAtLeast(release, 4, 7)) return false;
  if (isOnBranchFrom(release, 4, 4, 16) || isOnBranchFrom(release, 4, 6, 5)) return false;
  return !(release.major === 4 && release.minor === 4 && release.patch === 0 && release.build >= 38);
}

function hasBugC(release: KernelRelease): boolean {
  if (!isAtLeast(release, 4, 7) || isAtLeast(release, 6, 6)) return false;
  return !isOnBranchFrom(release, 5, 10, 195) && !isOnBranchFrom(release, 5, 15, 132) && !isOnBranchFrom(release, 6, 1, 54);
}

// Bugs B and C hit a narrow class of flows. If others of their family fail too, the whole hash is asymmetric and the pattern proves nothing.
function isBugB(traits: ViolationTraits, context: DiagnosisContext): boolean {
  if (!traits.oneKernelKey || !traits.topBitPair || traits.kind !== 'asymmetric') return false;
  const inRange = withRelease(context, (release) => isAtLeast(release, 4, 2) && !isAtLeast(release, 6, 0));
  return inRange && hashFailures(context, 4).every((group) => group.topBitPair);
}

function isBugC(traits: ViolationTraits, context: DiagnosisContext): boolean {
  if (!traits.oneKernelKey || !traits.labelOneWay) return false;
  return withRelease(context, hasBugC) && hashFailures(context, 6).every((group) => group.labelOneWay);
}

function hashFailures({ groups }: DiagnosisContext, wanted: 4 | 6): readonly ViolationGroup[] {
  return groups.filter(
    (group) => group.oneKernelKey && group.kind !== 'duplicated' && group.movedAtChange !== true && family(group) === wanted,
  );
}
