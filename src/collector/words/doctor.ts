/** What `doctor` found on an interface, in words: the setting, what it means for the mode of the group, and the command that mends it. Pure. */
import type { FanoutMode } from '../../model/fanout.ts';
import type { Symmetry } from '../../nic/drivers.ts';
import type { HashedFlow } from '../../nic/facts.ts';
import type { ApartFlow, Meets, Mend, NicFinding, NicFindingArgs, NicFindingCode, NicUnknown, Proof, Unsaid } from '../../nic/findings.ts';
import { counted, joined, listed, seconds, wholePercent } from './english.ts';
import type { Said } from './say.ts';

type NicWords = { readonly [Code in NicFindingCode]: (args: NicFindingArgs[Code], device: string) => Said };

/** The remedy is a command line, to be typed as it is. */
export function sayNic({ code, args }: NicFinding, device: string): Said {
  const words: (args: never, device: string) => Said = WORDS[code];
  return words(args as never, shellWord(device));
}

/** A name of an interface may hold almost anything. */
function shellWord(text: string): string {
  return /^[\w.@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const FLOWS: Readonly<Record<HashedFlow, string>> = {
  tcp4: 'TCP over IPv4',
  udp4: 'UDP over IPv4',
  tcp6: 'TCP over IPv6',
  udp6: 'UDP over IPv6',
};

/** "TCP over IPv4 (88 %) and UDP over IPv4 (87 %)" */
function flowsText(flows: readonly ApartFlow[]): string {
  const named = flows.map(
    ({ flow, share }) => FLOWS[flow] + (share === undefined ? '' : ` (${wholePercent(share.apart / share.of)} of flows)`),
  );
  return joined(named, 'and');
}

const WORDS: NicWords = {
  'by-design': ({ mode }) => ({
    message: `mode ${mode} does not keep flows together on any interface: ${BY_DESIGN[mode] ?? 'it goes by no property of a flow'}. Use mode hash`,
  }),
  'rollover-flag': () => ({
    message:
      'the flag rollover passes packets on to another member when a ring is full, so flows are split under load. Leave the flag out, or make the rings larger',
  }),
  'directions-apart': ({ mode, by, flows, mend }, device) => {
    const unit = mode === 'qm' ? 'queue' : 'CPU';
    const who = by === 'rps' ? 'RPS sends' : 'the NIC hashes';
    const how =
      by === 'rps'
        ? `the two directions of a flow to different CPUs: ${flowsText(flows)}. It goes by the hash of the NIC, which differs for each direction`
        : `the two directions of a flow to different queues: ${flowsText(flows)}`;
    return {
      message: `${who} ${how}. Mode ${mode} goes by the ${unit}, so it splits these flows${alternative(mend, mode, device)}`,
      ...commands(mendCommands(mend, device, mode, flows)),
    };
  },
  'fragments-apart': ({ mode, by, flows }, device) =>
    by === 'kernel'
      ? {
          message: `RPS goes by the hash of the kernel, which takes ports of whole datagrams and none of fragments: fragments come to another CPU than the rest of their flow, and no setting changes that`,
        }
      : {
          message: `the NIC hashes whole datagrams by ports as well, and fragments by addresses alone: fragments come to another ${mode === 'qm' ? 'queue' : 'CPU'} than the rest of their flow (${flowsText(flows)}). Hashed by addresses alone they stay together, but a busy pair of hosts is not spread any more`,
          remedy: flows.map(({ flow }) => `ethtool -N ${device} rx-flow-hash ${flow} sd`).join(' && '),
        },
  'rps-flow-labels': ({ mode }) => ({
    message: `RPS goes by the hash of the kernel, which takes the IPv6 flow label where there is one, and each direction has its own: mode ${mode} splits such IPv6 flows. IPv4 is not affected. Use mode hash if IPv6 matters`,
  }),
  'steering-rules': ({ mode, count }, device) => ({
    message: `${counted(count, 'rule')} of ntuple or Flow Director ${count === 1 ? 'chooses' : 'choose'} the queue of some packets, whatever their hash. A rule that matches one direction splits flows in mode ${mode}. Look at each, and delete it with "ethtool -N ${device} delete NUMBER" unless both directions have one`,
    remedy: `ethtool -n ${device}`,
  }),
  'sent-traffic-steering': ({ mode, off }, device) => ({
    message: `Application Targeted Routing is on: the NIC learns from packets that this host sends, and then receives their flows on the queue of the sender. ${
      mode === 'qm' || mode === 'cpu' ? `Mode ${mode} splits flows` : 'Packets of a flow change their order'
    } when that happens. An interface that sends nothing is not affected`,
    remedy: off === 'ntuple' ? `ethtool -K ${device} ntuple on` : `ethtool --set-priv-flags ${device} flow-director-atr off`,
  }),
  'flow-dissector': ({ programId, isBuiltin }) =>
    isBuiltin
      ? {
          message: `the flow dissector of fanout-cluster is attached (program ${programId}): mode hash goes by the innermost flow`,
        }
      : {
          message: `program ${programId} is attached as flow dissector, and decides what mode hash takes for a flow. Look at it with "bpftool prog show id ${programId}", and test it with a live run`,
        },
  'irq-moves': ({ mode, irqs }) => ({
    message: `irqbalance is running and may move ${counted(irqs.length, 'interrupt')} of this interface (${listed(irqs.map(String))}) to other CPUs. ${
      mode === 'cpu' ? 'Mode cpu then takes their flows to another member' : 'When it moves one, packets of a flow may overtake each other'
    }`,
    remedy: 'systemctl disable --now irqbalance',
  }),
  'threaded-napi': (_, device) => ({
    message:
      'threaded NAPI is on: packets are received in threads that the scheduler may move to another CPU, unless each is pinned, and mode cpu goes by the CPU',
    remedy: `echo 0 > /sys/class/net/${device}/threaded`,
  }),
  rfs: ({ mode, queues }) => ({
    message: `RFS is on for ${counted(queues.length, 'queue')}: flows of programs on this host move to the CPU where the program runs. ${
      mode === 'cpu' ? 'Mode cpu splits them when they do' : 'Their packets change order when they do'
    }. Traffic of other hosts is not affected`,
    remedy: 'sysctl -w net.core.rps_sock_flow_entries=0',
  }),
  'one-queue': ({ mode, most, channels, mend, procs }, device) => {
    const message = `there is one receive queue in use, so mode ${mode} gives everything to one member${procs === undefined ? '' : `, and ${procs - 1} of ${procs} get nothing`}`;
    const wanted = most === null ? 1 : Math.min(most, procs ?? most);
    const { symmetry, isHashSymmetric } = mend;
    // More queues alone would take the directions of flows apart.
    if (mode !== 'qm' || wanted === 1 || (symmetry.by === 'one-queue' && !isHashSymmetric))
      return { message: `${message}. Use mode hash to share the load` };
    const lines = isHashSymmetric || symmetry.by === 'one-queue' ? [] : symmetryCommands(symmetry, device, wanted);
    return { message, remedy: [`ethtool -L ${device} ${channels} ${wanted}`, ...lines].join(' && ') };
  },
  'members-beyond-queues': ({ queues, procs, most, channels }, device) => {
    const message = `there are ${procs} members for ${counted(queues, 'receive queue')}: ${procs - queues} of them get nothing in mode qm`;
    return most !== null && most >= procs
      ? { message, remedy: `ethtool -L ${device} ${channels} ${procs}` }
      : { message: `${message}. Start ${counted(queues, 'member')}, or use mode hash` };
  },
  'members-without-cpu': ({ members, cpus, procs }) => ({
    message: `packets are received on CPU ${listed(cpus.map(String))}, and CPU c is that of member c mod ${procs}: ${
      members.length === 1 ? `member ${members[0]} gets` : `members ${listed(members.map(String))} get`
    } nothing in mode cpu. Spread the interrupts, start another number of members, or use mode hash`,
  }),
  'queues-unused': ({ unused, queues, hashedMost, channels }, device) => ({
    message: `the indirection table does not name ${unused.length === 1 ? 'queue' : 'queues'} ${listed(unused.map(String))} of ${queues}, so hashed packets never come there and members get nothing`,
    remedy: hashedMost < queues ? `ethtool -L ${device} ${channels} ${hashedMost}` : `ethtool -X ${device} equal ${queues}`,
  }),
  'queues-share-cpu': ({ cpu, irqs, cpus }) => {
    const moved = irqs.slice(1, 1 + cpus.length);
    return {
      message: `CPU ${cpu} serves queues ${listed(irqs.map(({ queue }) => String(queue)))}, and CPU ${listed(cpus.map(String))} none: mode cpu gives the packets of all these queues to one member`,
      remedy: moved.map(({ irq }, i) => `echo ${cpus[i]} > /proc/irq/${irq}/smp_affinity_list`).join(' && '),
    };
  },
  'order-between-cpus': ({ mode, by, flows, mend }, device) => {
    const who = by === 'rps' ? 'RPS sends' : 'the NIC hashes';
    const where = by === 'rps' ? 'different CPUs' : 'different queues, which different CPUs serve';
    return {
      message: `${who} the two directions of a flow to ${where}: ${flowsText(flows)}. An answer may overtake its request before mode ${mode} gets them${alternative(mend, mode, device)}`,
      ...commands(mendCommands(mend, device, mode, flows)),
    };
  },
  'merged-packets': ({ features }, device) => ({
    message: `${joined(features, 'and')} ${features.length === 1 ? 'is' : 'are'} on: packets of one direction are merged before the group gets them. An answer may come before the rest of its request, packets are larger than the MTU, and counts are lower than on the wire`,
    remedy: `ethtool -K ${device} ${features.map((name) => `${SHORT_NAMES[name] ?? name} off`).join(' ')}`,
  }),
  'several-below': ({ kind, lowers }) => ({
    message: `this ${kind} receives through ${joined(lowers, 'and')}: the two directions of a flow may come through different devices, and then nothing keeps their order. Ask doctor about each of them, too`,
  }),
  'part-of': ({ master }) => ({
    message: `this interface belongs to ${master}: a program that captures on both gets every packet twice, and other ports of ${master} have packets that are not seen here`,
  }),
  'devices-on-top': ({ uppers }) => ({
    message: `${joined(uppers, 'and')} ${uppers.length === 1 ? 'is a device' : 'are devices'} on top of this interface: a program that captures on both gets packets twice`,
  }),
  xdp: ({ programId, mode }) => ({
    message: `XDP program ${programId} (${mode}) runs before the group, and may drop packets or send them elsewhere: what it takes is not captured`,
  }),
  'tc-ingress': ({ kinds }) => ({
    message: `an ingress qdisc (${joined(kinds, 'and')}) is attached. The group gets packets before it, so it also gets those that tc drops or redirects`,
  }),
  'link-down': (_, device) => ({ message: 'the interface is down: nothing is received', remedy: `ip link set ${device} up` }),
  'no-carrier': () => ({ message: 'the interface has no carrier: nothing is received. Look at the cable, and at the other end' }),
  'not-promiscuous': (_, device) => ({
    message: 'no program has asked this interface for all packets: until one does, copies from a SPAN port or tap are not received',
    remedy: `ip link set ${device} promisc on`,
  }),
  'nic-drops': ({ counters, ms }) => ({
    message: `the interface lost packets within ${seconds(ms)}: ${listed(counters.map(({ name, count }) => `${name} +${count}`))}. They never reach the group, in any mode${
      counters.every(({ name }) => name.includes('dropped')) ? '. These counters also count packets that no protocol wanted' : ''
    }`,
  }),
  'softnet-drops': ({ rows, ms, backlog }) => ({
    message: `the kernel dropped packets from the backlog of ${rows.length === 1 ? 'a CPU' : 'CPUs'} within ${seconds(ms)}: ${listed(rows.map(({ cpu, count }) => `CPU ${cpu} +${count}`))}. They may be of any interface${backlog === null ? '' : `; net.core.netdev_max_backlog is ${backlog}`}`,
    remedy: `sysctl -w net.core.netdev_max_backlog=${Math.max(10_000, 2 * (backlog ?? 0))}`,
  }),
  'ring-small': ({ rx, most }, device) => ({
    message: `the receive rings have ${rx} entries of ${most} possible: a burst fills them sooner`,
    remedy: `ethtool -G ${device} rx ${most}`,
  }),
  'backlog-small': ({ backlog }) => ({
    message: `net.core.netdev_max_backlog is ${backlog}: packets go through the backlog of a CPU here, and a burst of more is dropped before the group`,
    remedy: 'sysctl -w net.core.netdev_max_backlog=10000',
  }),
};

/** All of them, in the order of the documents. */
export const NIC_FINDING_CODES = Object.keys(WORDS) as readonly NicFindingCode[];

const BY_DESIGN: Readonly<Partial<Record<FanoutMode, string>>> = {
  lb: 'the members take turns, packet by packet',
  rnd: 'each packet goes to a member drawn at random',
  rollover: 'one member gets packets until its ring is full, then the next',
};

/** As ethtool -K takes them. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  'generic-receive-offload': 'gro',
  'large-receive-offload': 'lro',
};

function commands(lines: readonly string[]): Pick<Said, 'remedy'> {
  return lines.length === 0 ? {} : { remedy: lines.join(' && ') };
}

/** What to do where the command is not enough, or may be refused. */
function alternative({ symmetry, hasOneQueue, isHashSymmetric }: Mend, mode: FanoutMode, device: string): string {
  if (hasOneQueue || isHashSymmetric) return '';
  if (symmetry.by === 'key' && symmetry.mayRefuse)
    return `. Some devices refuse another key: then receive on one queue, "ethtool -L ${device} ${symmetry.channels} 1"`;
  if (symmetry.by === 'or-xor')
    return `. An ethtool of before 2025 does not know this setting: then use "ethtool -X ${device} hkey ${symmetricKey(OR_XOR_KEY_BYTES)}"`;
  if (symmetry.by !== 'one-queue') return '';
  const all =
    mode === 'qm'
      ? '. With one queue, one member gets everything: mode hash shares the load and asks no NIC'
      : mode === 'cpu'
        ? '. RPS then spreads packets by the hash of the kernel'
        : '';
  return `. The driver has no setting for the hash, so one queue is what keeps both directions together${all}`;
}

function mendCommands(mend: Mend, device: string, mode: FanoutMode, flows: readonly ApartFlow[]): readonly string[] {
  const { symmetry, needsSoftwareHash, hasOneQueue, isHashSymmetric, cpus } = mend;
  // There RPS alone takes directions apart; whether the NIC hashes at all with one queue is its own affair.
  if (hasOneQueue) return needsSoftwareHash ? [`ethtool -K ${device} rxhash off`] : [];
  const lopsided = flows.filter(({ share }) => share === undefined);
  const fields = lopsided.map(({ flow }) => `ethtool -N ${device} rx-flow-hash ${flow} sd`);
  if (isHashSymmetric) return fields;
  if (symmetry.by !== 'one-queue') return [...fields, ...symmetryCommands(symmetry, device)];
  const spreadsByRps = mode === 'cpu' && cpus !== undefined;
  return [
    `ethtool -L ${device} ${symmetry.channels} 1`,
    ...(needsSoftwareHash || spreadsByRps ? [`ethtool -K ${device} rxhash off`] : []),
    ...(spreadsByRps ? [`echo ${cpuMask(cpus)} > /sys/class/net/${device}/queues/rx-0/rps_cpus`] : []),
  ];
}

/** @param wanted queues that there will be, where their number changes as well */
function symmetryCommands(symmetry: Exclude<Symmetry, { readonly by: 'one-queue' }>, device: string, wanted?: number): readonly string[] {
  switch (symmetry.by) {
    case 'xor-function':
      return [`ethtool -X ${device} hfunc xor`];
    case 'or-xor':
      return [`ethtool -X ${device} xfrm symmetric-or-xor`];
    case 'key': {
      const { keyBytes, isOtherFunction } = symmetry;
      const queues = wanted ?? symmetry.queues;
      const parts = [
        ...(isOtherFunction ? ['hfunc toeplitz'] : []),
        `hkey ${symmetricKey(keyBytes)}`,
        ...(queues === undefined ? [] : [`equal ${queues}`]),
      ];
      return [`ethtool -X ${device} ${parts.join(' ')}`];
    }
  }
}

/** Of mlx5. */
const OR_XOR_KEY_BYTES = 40;

function symmetricKey(bytes: number): string {
  return Array.from({ length: bytes }, (_, i) => (i % 2 === 0 ? '6D' : '5A')).join(':');
}

/** As rps_cpus takes it: in hexadecimal, with a comma before each further 32 CPUs. */
function cpuMask(cpus: readonly number[]): string {
  const mask = cpus.reduce((all, cpu) => all | (1n << BigInt(cpu)), 0n).toString(16);
  return mask.replace(/\B(?=(?:[0-9a-f]{8})+$)/g, ',');
}

/** Why a fact is not known, for a report. */
export function sayUnsaid(because: Unsaid): string {
  switch (because.code) {
    case 'unread':
      return because.why;
    case 'not-shown':
      return `the driver does not show the ${NOT_SHOWN[because.what]}, so which queue a packet comes to cannot be computed`;
    case 'own-function':
      return `the NIC hashes by ${because.name}, which each driver does in its own way`;
    case 'own-fields':
      return because.fields === ''
        ? 'the NIC hashes no field of such packets, and what chooses their queue is not told'
        : `the NIC hashes by the fields "${because.fields}", and how is not published`;
    case 'key-too-short':
      return `a hash key of ${because.bytes} bytes is too short to hash IPv6 with ports`;
    case 'silent-transform':
      return 'this driver may mix source and destination before it hashes them, and does not say so: only a live run shows it, or a key that repeats 6D:5A';
    case 'announced-transform':
      return 'the driver says that it mixes source and destination, and kernels are known where it does not: only a live run shows it, or a key that repeats 6D:5A';
    case 'unproven':
      return `none of ${because.of} sampled flows was split, but nothing proves that for all flows`;
    case 'received-below':
      return `the packets are received by ${because.lowers.length === 0 ? 'another device' : joined(because.lowers, 'and')}: ask doctor about ${because.lowers.length === 1 ? 'that' : 'those'}`;
    case 'chosen-by-senders':
      return `on a ${because.kind} device the sender decides the queue and the CPU, packet by packet`;
    case 'rules-not-read':
      return `${counted(because.count, 'rule')} may steer one direction of a flow, and what they match is not looked at`;
    case 'program-not-read':
      return `program ${because.programId} may do anything with a packet, and is not looked at`;
    case 'steering-program':
      return `mode ${because.mode} goes by its program, and not by settings of the interface: only a run shows what it does`;
    case 'cpu-of-queue':
      return 'the CPU of some receive queues cannot be told from the names of the interrupts';
    case 'several-cpus':
      return `several CPUs may serve ${because.irqs.length === 1 ? 'interrupt' : 'interrupts'} ${listed(because.irqs.map(String))}`;
  }
}

const NOT_SHOWN = { function: 'hash function', key: 'hash key', table: 'indirection table' } as const;

const PROOFS: Readonly<Record<Proof, string>> = {
  'one-member': 'all packets come to one member',
  'one-queue': 'there is one queue',
  'one-cpu': 'one CPU handles all packets',
  key: 'the hash key repeats itself, so that both directions have one hash',
  transform: 'the NIC mixes source and destination before it hashes them',
  'hash-function': 'the hash function is symmetric',
  'software-hash': 'the hash of the kernel is symmetric',
  fields: 'by the fields that are hashed',
  sampled: 'computed for sampled flows',
};

/** "together: ...", "apart: 88 % of 4096 flows" */
export function sayMeets(meets: Meets): string {
  switch (meets.answer) {
    case 'together':
      return `together (${PROOFS[meets.proof]})`;
    case 'apart': {
      const { share } = meets;
      return share === undefined
        ? `apart (${PROOFS[meets.proof]})`
        : `apart (${wholePercent(share.apart / share.of)} of ${share.of} sampled flows)`;
    }
    case 'unlabelled':
      return 'together unless they have flow labels';
    case 'unknown':
      return 'not known';
  }
}

export function flowName(flow: HashedFlow): string {
  return FLOWS[flow];
}

export function unknownName({ fact }: Pick<NicUnknown, 'fact'>): string {
  return fact === 'program'
    ? 'steering program'
    : (FACT_NAMES[fact.split('.')[0] ?? ''] ?? fact) + (fact.includes('.') ? ` of ${fact.split('.')[1]}` : '');
}

/** Facts as a report calls them. */
export const FACT_NAMES: Readonly<Record<string, string>> = {
  driver: 'driver',
  kind: 'kind of device',
  link: 'link',
  uppers: 'devices on top',
  lowers: 'devices below',
  master: 'belongs to',
  bond: 'bond',
  queues: 'receive queues',
  rss: 'hash of the NIC',
  hashFields: 'hashed fields',
  steeringRules: 'steering rules',
  features: 'offloads',
  privateFlags: 'private flags',
  rings: 'receive rings',
  coalescing: 'interrupt coalescing',
  rps: 'RPS',
  rfsEntries: 'RFS entries',
  threadedNapi: 'threaded NAPI',
  irqs: 'interrupts',
  irqbalance: 'irqbalance',
  numaNode: 'NUMA node',
  cpus: 'CPUs',
  losses: 'losses of the NIC',
  softnet: 'backlog of CPUs',
  backlogMax: 'longest backlog',
  xdp: 'XDP program',
  ingress: 'ingress qdiscs',
  flowDissector: 'flow dissector',
  groups: 'fanout groups',
};
