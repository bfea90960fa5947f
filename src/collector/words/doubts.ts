/** Words for what proves an answer, or keeps it from being a YES. Pure. */
import type { DoubtArgs, OneMemberWhy } from '../../model/findings/doubt.ts';
import type { Outsiders } from '../../model/run-facts.ts';
import { changeText, NOT_MEASURED } from './churn.ts';
import { remedyForEnd } from './ends.ts';
import { counted, grouped, listed, percentOf, probability } from './english.ts';
import { ownAddresses, whyNoTraffic } from './no-traffic.ts';
import { withoutRss } from './rss.ts';
import type { Advised, Said, Words } from './say.ts';
import { longerRun, stopped } from './stop.ts';

export const DOUBT_WORDS: Words<DoubtArgs> = {
  'one-process': () => ({
    message: 'a group of one process keeps every flow together whatever the kernel does, so nothing was tested',
    remedy: 'run with --procs 2 or more; best with as many as the IDS has workers',
  }),
  'no-traffic': ({ interface: device, stop, why }) => {
    const none = `no packet was captured on ${device}; ${stopped(stop)}`;
    if (why === undefined) return { message: none, remedy: 'see whether --filter refuses what the lab sends' };
    const { message, remedy } = whyNoTraffic(why, device);
    return { message: message === undefined ? none : `${none}. ${message}`, remedy };
  },
  'no-flows': (args) => {
    if ('change' in args) return { message: `no flow was seen both before and after ${changeText(args.change)}` };
    const list = args.ignored.map(([reason, packets]) => `${reason}: ${grouped(packets)}`);
    const device = args.own === undefined ? undefined : ownAddresses(args.own);
    return {
      message: `${counted(args.captured, 'packet')} captured, but none belonged to a flow${list.length > 0 ? ` (${list.join(', ')})` : ''}${device === undefined ? '' : `. It is ${device.message.replace(' gets', ', and that gets')}`}`,
      remedy: device?.remedy ?? 'wait for TCP, UDP, SCTP, DCCP or ICMP echo traffic',
    };
  },
  'no-two-way-flows': ({ flows, stop, source, ignoresOutgoing }) => ({
    message: `${counted(flows, 'flow')} seen, none of them in both directions; ${stopped(stop)}`,
    remedy: ignoresOutgoing
      ? `run without --ignore-outgoing: where this host is an end or a hop of the traffic, what it sends is the other direction; else ${TWO_WAY_REMEDIES[source]}`
      : TWO_WAY_REMEDIES[source],
  }),
  'one-member': oneMember,
  'too-few-flows': ({ flows, bound, limit, needed, stop }) => ({
    message: `${counted(flows, 'consistent two-way flow')}: a group that scattered packets would pass with probability ${probability(bound, limit)}, and the limit is ${probability(limit, limit)}; ${stopped(stop)}`,
    remedy: `let ${counted(needed, 'more two-way flow')} pass${flows === 0 ? ', of other kinds of traffic' : ', spread as those so far'}`,
  }),
  loss: ({ dropped, seen, members, source, maxLossPercent, split }) => ({
    message: `full rings dropped ${grouped(dropped)} of ${counted(seen, 'packet')} (${[percentOf(dropped / seen), ...droppers(members)].join('; ')}); ${lossLimit(source, maxLossPercent)}. ${
      split > 0
        ? 'Drops split no flow: those that were split are counted apart'
        : 'Drops split no flow, and none was split; but a lost packet may have been the one on another process'
    }`,
    remedy: `give each process a larger ring (--ring-size), ${source === 'live' ? 'capture less with --filter' : 'send more slowly (--rate)'}, or add processes`,
  }),
  'evidence-lost': evidenceLost,
  'accounting-mismatch': accountingMismatch,
  'lost-member': lostMember,
  'rolled-over': ({ packets }) => ({
    message: `rings had no room, and the kernel passed ${counted(packets, 'packet')} on to other processes: a flow that was kept together was so by luck`,
    remedy: 'leave --rollover off; give rings more memory (--ring-size) or more processes instead',
  }),
  'unjudged-stacks': ({ flows, total, stacksMax }) => ({
    message: `${grouped(flows)} of ${grouped(total)} flows have encapsulations beyond the ${stacksMax} that are told apart, and are not judged. Normal traffic has a few dozen, so these packets are probably crafted, and may hide what happens to other flows`,
    remedy: 'leave the crafted traffic out with --filter, or look at one kind of traffic at a time',
  }),
  'ended-early': ({ stop }) => ({
    message: `${stopped(stop)}; what would have come after that is not known`,
    remedy: longerRun(stop) ?? 'run again',
  }),
  'isolated-violation': ({ flows, total, causes }) => {
    const split = flows === 1 ? 'flows was split by a single packet' : 'flows were split, each by a single packet';
    return {
      message: `${grouped(flows)} of ${grouped(total)} ${split} (${causes.join(', ')}), and ${flows === 1 ? 'stays' : 'stay'} together without it. Anyone who can send a packet to this network can send such a packet, so this is not proof`,
      remedy:
        'find out who sent the packets (the listed violations); several such packets of one flow are proof, so run for longer, or capture the traffic and judge that (--pcap)',
    };
  },
  'foreign-member-possible': ({ outsiders }) => ({
    message: `flows were split, but ${outsidersText(outsiders)} may have joined the group or left it meanwhile, which moves flows: this kernel does not list the members of a group`,
    remedy:
      'load the module (modprobe af_packet_diag; CONFIG_PACKET_DIAG), stop whatever else captures on this interface, or leave --group-id out',
  }),
  'tolerated-design': ({ mode, cause }) => ({
    message: `mode ${mode} does not promise to keep flows together; ${cause} was tolerated, so this is not a NO, but it cannot be a YES`,
    remedy: 'use --mode hash for a verdict on affinity',
  }),
  'spread-broken': (broken) => ({
    message:
      broken.kind === 'turns'
        ? `mode lb deals packets out in turn, yet the processes got between ${grouped(broken.least)} and ${grouped(broken.most)} of ${grouped(broken.packets)}; turns would differ by one at most`
        : `mode rnd draws a process for each packet, yet one process is ${broken.z.toFixed(1)} standard deviations from the mean of ${broken.mean.toFixed(0)} packets; a fair draw does that with probability ${probability(broken.probability)} at most`,
    remedy: 'report it to the kernel developers (netdev): even its own promise is broken',
  }),
  proven: ({ flows, members, bound, limit, excepted, causes }) => {
    const except =
      excepted === 0
        ? ''
        : `; ${counted(excepted, 'more flow')} did not stay on one, for causes that do not count here (${causes.join(', ')})`;
    return {
      message: `${counted(flows, 'two-way flow')} on ${members} processes, each kept on one process; a group that scattered packets would pass with probability ${probability(bound, limit)}${except}`,
    };
  },
};

const TWO_WAY_REMEDIES: Readonly<Record<DoubtArgs['no-two-way-flows']['source'], string>> = {
  live: 'see whether the mirror or tap delivers both directions to this interface, and whether routing is asymmetric',
  lab: 'let the lab send at least two packets per flow (--packets-per-flow)',
  pcap: 'capture both directions: see whether the mirror or tap of the capturing interface delivers them',
};

function oneMember({ flows, members, procs, missing, why }: DoubtArgs['one-member']): Said {
  const place = members.length === 1 ? `on worker ${members[0]}` : 'on one worker at a time';
  const cause = why === undefined ? undefined : likelyCause(why);
  const advice = [
    ...(missing > 0 ? [`let at least ${counted(missing, 'more two-way flow')} pass, as so few may meet by chance`] : []),
    ...(cause === undefined ? [] : [cause.remedy]),
  ];
  return {
    message: `${flows === 1 ? 'the only consistent two-way flow was' : `all ${counted(flows, 'consistent two-way flow')} were`} ${place} of ${procs}: nothing shows that the kernel could have split them${cause === undefined ? '' : `. ${cause.message}`}`,
    ...(advice.length === 0 ? {} : { remedy: advice.join('; else ') }),
  };
}

/** What usually puts all traffic on one member, by mode. */
function likelyCause(why: OneMemberWhy): Advised {
  switch (why.kind) {
    case 'lab-queues':
      return labQueues(why);
    case 'device':
      return withoutRss(why.mode, why.interface, why.spreading);
    case 'mode':
      return byMode(why);
  }
}

function byMode({ mode, builtin, procs, interface: device }: Extract<OneMemberWhy, { kind: 'mode' }>): Advised {
  if (mode === 'ebpf' && builtin !== undefined) return builtin === 'ports' ? ONE_PAIR_WITHOUT_PORTS : ONE_PAIR;
  switch (mode) {
    case 'qm':
      return {
        message: 'Mode qm goes by the receive queue: the device has one queue, or its driver does not record the queue.',
        remedy: `count the queues ("ethtool -l ${device}") or use --mode hash`,
      };
    case 'cpu':
      return {
        message: 'Mode cpu goes by the CPU that receives: one receive queue, or one CPU that serves all interrupts.',
        remedy: `look at the queues ("ethtool -l ${device}") and at /proc/interrupts, or use --mode hash`,
      };
    case 'rollover':
      return { message: 'Mode rollover stays on one process until its ring is full.', remedy: 'use --mode hash' };
    case 'cbpf':
    case 'ebpf':
      return {
        message: `The ${mode} program returned values that are equal modulo ${procs}; a load outside the packet ends a program with 0.`,
        remedy: 'check the offsets of the program: offset 0 is the network header for received packets',
      };
    case 'hash':
    case 'lb':
    case 'rnd':
      return {
        message: 'Traffic without ports between one pair of hosts (ICMP echo, fragments) has one hash.',
        remedy: 'let flows of more hosts and ports pass',
      };
  }
}

const ONE_PAIR: Advised = {
  message: 'The built-in program goes by the pair of innermost addresses, and flows between two hosts share one process.',
  remedy: 'let flows of more hosts pass, or spread those of two hosts by their ports (--ebpf-program builtin:ports)',
};

const ONE_PAIR_WITHOUT_PORTS: Advised = {
  message: 'The built-in program goes by innermost addresses and ports, and traffic without ports between two hosts shares one process.',
  remedy: 'let flows of more hosts and ports pass',
};

/** Without a NIC the lab has one receive queue, and receives on one CPU. */
function labQueues({ mode, procs, nic }: Extract<OneMemberWhy, { kind: 'lab-queues' }>): Advised {
  const [what, where] = mode === 'qm' ? ['the receive queue', 'one queue'] : ['the CPU that receives', 'one CPU'];
  if (nic === undefined) {
    return {
      message: `Mode ${mode} goes by ${what}, and without a NIC the lab receives all on ${where}.`,
      remedy: `simulate a NIC: --nic queues=${Math.max(2, procs)}, or with its own settings --nic FILE (saved output of ethtool -x)`,
    };
  }
  return {
    message: `Mode ${mode} goes by ${what}, and the simulated NIC (${nic}) chose only queues that lead to one process.`,
    remedy: 'simulate one with more queues (--nic queues=...), let flows of more hosts pass, or use --mode hash',
  };
}

function lossLimit(source: DoubtArgs['loss']['source'], maxLossPercent: number): string {
  return source === 'live' ? `--max-loss allows ${maxLossPercent} %` : 'the lab allows none';
}

const DROPPERS_SHOWN = 4;

/** Where packets were dropped, most first. */
function droppers(members: DoubtArgs['loss']['members']): readonly string[] {
  const shown = members.slice(0, DROPPERS_SHOWN).map(({ index, drops }) => `${grouped(drops)} on worker ${index}`);
  const others = members.slice(DROPPERS_SHOWN);
  const rest = others.reduce((total, { drops }) => total + drops, 0);
  const all = [...shown, ...(others.length === 0 ? [] : [`${grouped(rest)} on ${others.length} more`])];
  return all.length === 0 ? [] : [all.join(', ')];
}

const CONTRADICTIONS_SHOWN = 3;

function outsidersText(outsiders: Outsiders): string {
  switch (outsiders.kind) {
    case 'unknown':
      return 'some program';
    case 'ended':
      return 'a program that has ended since';
    case 'capturing':
      return outsiders.owners.join(', ');
  }
}

function evidenceLost(args: DoubtArgs['evidence-lost']): Said {
  if ('packets' in args)
    return {
      message: `${counted(args.packets, 'packet')} belong to flows for which there was no room; they are not judged`,
      remedy: 'give it a part of the capture at a time (editcap -c)',
    };
  const { overflowed, seen, untracked, source, maxLossPercent } = args;
  return {
    message: `${grouped(overflowed)} captured packets (${percentOf(overflowed / seen)}) found bounded flow tables full, ${grouped(untracked)} of them in the collector; ${lossLimit(source, maxLossPercent)}`,
    remedy: `look at fewer flows: a narrower --filter, a lower --max-flows or a shorter --duration${untracked > 0 ? '; or give the flow table more memory (--flow-memory)' : ''}`,
  };
}

function lostMember(args: DoubtArgs['lost-member']): Said {
  if ('pid' in args)
    return {
      message: `worker ${args.index} (pid ${args.pid}), which was not to be killed, was ${args.end}; ${NOT_MEASURED}`,
      remedy: remedyForEnd(args.end) ?? 'find out what ended it, and run again',
    };
  const { procs, lost } = args;
  const remedies = new Set(lost.flatMap(({ end }) => remedyForEnd(end) ?? []));
  const list = lost.slice(0, 3).map(({ index, pid, end }) => `worker ${index} (pid ${pid}): ${end}`);
  return {
    message: `${lost.length} of ${procs} processes ${lost.length === 1 ? 'was' : 'were'} lost: ${list.join('; ')}${lost.length > 3 ? `; and ${lost.length - 3} more` : ''}`,
    remedy: [...remedies, 'what a lost process had captured last is unknown, so run again'].join('; '),
  };
}

function accountingMismatch(mismatch: DoubtArgs['accounting-mismatch']): Said {
  switch (mismatch.kind) {
    case 'sent':
      return {
        message:
          mismatch.missing > 0
            ? `${grouped(mismatch.missing)} of ${grouped(mismatch.offered)} packets sent reached no process and are in no counter of the kernel`
            : `${grouped(-mismatch.missing)} more packets were captured than the ${grouped(mismatch.offered)} that were sent`,
        remedy: 'run again; if it persists, something in this kernel loses or adds packets before the sockets',
      };
    case 'sum':
      return {
        message: `${counted(mismatch.captured, 'packet')} captured, but judged, overflowed and ignored ones add up to ${grouped(mismatch.accounted)}`,
        remedy: 'run again; if it persists, report it: the workers lost count',
      };
    case 'strays':
      return {
        message: `${counted(mismatch.flows, 'flow')} that nobody had sent ${mismatch.flows === 1 ? 'was' : 'were'} seen in the lab`,
        remedy: 'run again; if it persists, report it: the traffic was misread',
      };
    case 'classes': {
      const { classes, of } = mismatch;
      return {
        message: `packets of ${classes.length} of ${of} classes (${listed(classes)}) were sent, but not all of them found among their flows`,
        remedy: 'run again; if it persists, report it: packets were misread',
      };
    }
    case 'members': {
      const shown = mismatch.members
        .slice(0, CONTRADICTIONS_SHOWN)
        .map(({ member, judged, told }) => `worker ${member} judged ${grouped(judged)} and told of ${grouped(told)}`);
      const rest = mismatch.members.length > shown.length ? `; and ${mismatch.members.length - shown.length} more` : '';
      return {
        message: `what workers told of flows is not what they counted: ${shown.join('; ')} packets${rest}`,
        remedy: 'run again; if it persists, report it: the workers lost count, or what they wrote was lost',
      };
    }
  }
}
