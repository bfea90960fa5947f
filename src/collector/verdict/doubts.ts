/** Everything that keeps a run without violations from being a YES, and what would settle it. Pure. */
import type { Evidence } from '../../model/evidence.ts';
import type { ReasonCode } from '../../model/reason.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { Answer, Reason } from '../../model/run-result.ts';
import { boundDoubts, stopped } from './bounds.ts';
import { FALSE_PASS_LIMIT, falsePassBound, flowsNeeded, isConfident, sum } from './confidence.ts';
import { remedyForEnd } from './loss-remedies.ts';
import { ownAddressesOnly, whyNoTraffic } from './no-traffic.ts';
import { withoutRss } from './rss-texts.ts';
import { findUnspread } from './unspread.ts';

export interface Doubt extends Reason {
  readonly code: ReasonCode;
}

/** What may be the reason that nothing was seen. */
const LEAVES_NOTHING: readonly ReasonCode[] = ['lost-member', 'link-down', 'interface-removed'];

export function findDoubts(evidence: Evidence, facts: RunFacts): readonly Doubt[] {
  const coverage = coverageDoubt(evidence, facts);
  const integrity = integrityDoubts(evidence, facts);
  if (coverage === undefined) return integrity;
  // Where processes or the link were lost, a lack of packets says nothing about the traffic.
  const isBlind = coverage.code === 'no-traffic' || coverage.code === 'no-flows' || coverage.code === 'no-two-way-flows';
  const causes = isBlind ? integrity.filter(({ code }) => LEAVES_NOTHING.includes(code)) : [];
  return [...causes, coverage, ...integrity.filter((doubt) => !causes.includes(doubt))];
}

/** What makes every part of the evidence doubtful, whichever flows it is about. */
export function integrityDoubts(evidence: Evidence, facts: RunFacts): readonly Doubt[] {
  return [
    ...lossDoubts(evidence, facts),
    ...accountingDoubts(facts),
    ...memberDoubts(facts),
    ...facts.disturbances,
    ...rolloverDoubts(facts),
    ...boundDoubts(evidence, facts),
  ];
}

/** The verdict on one kind of traffic, by the rules of the whole run. */
export function stackAnswer(violated: boolean, twoWayByMember: readonly number[], isOneEpoch: boolean): Answer {
  if (violated) return 'no';
  // Shares added up over epochs look spread even if each epoch used one member only.
  return isOneEpoch && isConfident([twoWayByMember]) ? 'yes' : 'inconclusive';
}

/** Was enough seen? The first answer that is no; the later questions then make no sense. */
function coverageDoubt(evidence: Evidence, facts: RunFacts): Doubt | undefined {
  const { flows } = evidence;
  const spread = evidence.epochs.map((epoch) => epoch.twoWayByMember);
  if (facts.procs === 1) return oneProcess();
  if (facts.packets.captured === 0) return noTraffic(facts);
  if (flows.total === 0) return noFlows(facts);
  if (flows.twoWay === 0) return noTwoWayFlows(evidence, facts);
  if (isConfident(spread)) return undefined;
  return isOnOneMember(spread) ? oneMember(evidence, facts) : tooFewFlows(evidence, facts);
}

/** Whether no epoch used more than one member. */
export function isOnOneMember(spread: readonly (readonly number[])[]): boolean {
  return sum(spread.map(sum)) > 0 && spread.every((byMember) => byMember.filter((count) => count > 0).length <= 1);
}

function oneProcess(): Doubt {
  return {
    code: 'one-process',
    message: 'a group of one process keeps every flow together whatever the kernel does, so nothing was tested',
    remedy: 'run with --procs 2 or more; best with as many as the IDS has workers',
  };
}

function noTraffic(facts: RunFacts): Doubt {
  const none = `no packet was captured on ${facts.interface}`;
  if (facts.source !== 'live')
    return { code: 'no-traffic', message: `${none}; ${stopped(facts)}`, remedy: 'see whether --filter refuses what the lab sends' };
  const { message, remedy } = whyNoTraffic(facts);
  return { code: 'no-traffic', message: `${none}; ${stopped(facts)}${message === undefined ? '' : `. ${message}`}`, remedy };
}

function noFlows({ packets, link }: RunFacts): Doubt {
  const own = link === undefined ? undefined : ownAddressesOnly(link.after);
  const ignored = Object.entries(packets.ignored).sort(([, a], [, b]) => b - a);
  const list = ignored.slice(0, 3).map(([reason, count]) => `${reason}: ${count}`);
  return {
    code: 'no-flows',
    message: `${counted(packets.captured, 'packet')} captured, but none belonged to a flow${list.length > 0 ? ` (${list.join(', ')})` : ''}${own === undefined ? '' : `. It is ${own.message.replace(' gets', ', and that gets')}`}`,
    remedy: own?.remedy ?? 'wait for TCP, UDP, SCTP, DCCP or ICMP echo traffic',
  };
}

function noTwoWayFlows({ flows }: Evidence, facts: RunFacts): Doubt {
  return {
    code: 'no-two-way-flows',
    message: `${counted(flows.total, 'flow')} seen, none of them in both directions; ${stopped(facts)}`,
    remedy: facts.flags.includes('ignore-outgoing')
      ? `run without --ignore-outgoing: where this host is an end or a hop of the traffic, what it sends is the other direction; else ${TWO_WAY_REMEDIES[facts.source]}`
      : TWO_WAY_REMEDIES[facts.source],
  };
}

const TWO_WAY_REMEDIES: Readonly<Record<RunFacts['source'], string>> = {
  live: 'see whether the mirror or tap delivers both directions to this interface, and whether routing is asymmetric',
  lab: 'let the lab send at least two packets per flow (--packets-per-flow)',
  pcap: 'capture both directions: see whether the mirror or tap of the capturing interface delivers them',
};

function oneMember(evidence: Evidence, facts: RunFacts): Doubt {
  const flows = sum(evidence.epochs.map((epoch) => sum(epoch.twoWayByMember)));
  const members = [
    ...new Set(evidence.epochs.flatMap((epoch) => epoch.twoWayByMember.flatMap((count, member) => (count > 0 ? [member] : [])))),
  ];
  const place = members.length === 1 ? `on member ${members[0]}` : 'on one member at a time';
  const chance = flowsNeeded([], facts.procs) ?? 0;
  const cause = isExplained(evidence, facts) ? undefined : likelyCause(facts);
  const advice = [
    ...(flows < chance ? [`let at least ${counted(chance - flows, 'more two-way flow')} pass, as so few may meet by chance`] : []),
    ...(cause === undefined ? [] : [cause.remedy]),
  ];
  return {
    code: 'one-member',
    message: `${flows === 1 ? 'the only consistent two-way flow was' : `all ${counted(flows, 'consistent two-way flow')} were`} ${place} of ${facts.procs}: nothing shows that the kernel could have split them${cause === undefined ? '' : `. ${cause.message}`}`,
    ...(advice.length === 0 ? {} : { remedy: advice.join('; else ') }),
  };
}

/** Whether a cause says why all flows were on one member: then nothing need be supposed. */
function isExplained(evidence: Evidence, facts: RunFacts): boolean {
  return facts.programMissing || findUnspread(evidence, facts).length === evidence.stacks.length;
}

/** What usually puts all traffic on one member, by mode. */
function likelyCause(facts: RunFacts): { readonly message: string; readonly remedy: string } {
  const device = facts.interface;
  if (facts.mode === 'qm' || facts.mode === 'cpu') {
    if (facts.source !== 'live') return labQueues(facts);
    const other = withoutRss({ mode: facts.mode, interface: device, ...(facts.link === undefined ? {} : { link: facts.link.after }) });
    if (other !== undefined) return other;
  }
  switch (facts.mode) {
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
      return { message: 'Mode rollover stays on one member until its ring is full.', remedy: 'use --mode hash' };
    case 'cbpf':
    case 'ebpf':
      return {
        message: `The ${facts.mode} program returned values that are equal modulo ${facts.procs}; a load outside the packet ends a program with 0.`,
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

/** Without a NIC the lab has one receive queue, and receives on one CPU. */
function labQueues({ mode, procs, nic }: RunFacts): { readonly message: string; readonly remedy: string } {
  const [what, where] = mode === 'qm' ? ['the receive queue', 'one queue'] : ['the CPU that receives', 'one CPU'];
  if (nic === undefined) {
    return {
      message: `Mode ${mode} goes by ${what}, and without a NIC the lab receives all on ${where}.`,
      remedy: `simulate a NIC: --nic queues=${Math.max(2, procs)}, or with its own settings --nic FILE (saved output of ethtool -x)`,
    };
  }
  return {
    message: `Mode ${mode} goes by ${what}, and the simulated NIC (${nic.name}) chose only such as lead to one member.`,
    remedy: 'simulate one with more queues (--nic queues=...), let flows of more hosts pass, or use --mode hash',
  };
}

function tooFewFlows(evidence: Evidence, facts: RunFacts): Doubt {
  const spread = evidence.epochs.map((epoch) => epoch.twoWayByMember);
  const judged = sum(spread.map(sum));
  const needed = flowsNeeded(spread, facts.procs);
  return {
    code: 'too-few-flows',
    message: `${counted(judged, 'consistent two-way flow')}: a group that scattered packets would pass with probability ${probability(falsePassBound(spread))}, and the limit is ${probability(FALSE_PASS_LIMIT)}; ${stopped(facts)}`,
    remedy: `let ${counted(needed ?? 0, 'more two-way flow')} pass${judged === 0 ? ', of other kinds of traffic' : ', spread as those so far'}`,
  };
}

function lossDoubts({ untracked, flows }: Evidence, facts: RunFacts): readonly Doubt[] {
  const { captured, dropped, overflowed } = facts.packets;
  const seen = captured + dropped;
  const limit = facts.source === 'live' ? facts.maxLossPercent : 0;
  if (seen === 0 || ((dropped + overflowed) / seen) * 100 <= limit) return [];
  const limitText = facts.source === 'live' ? `--max-loss allows ${limit} %` : 'the lab allows none';
  const doubts: Doubt[] = [];
  if (dropped > 0) {
    doubts.push({
      code: 'loss',
      message: `full rings dropped ${dropped} of ${seen} packets (${[percent(dropped / seen), ...droppers(facts)].join('; ')}); ${limitText}. ${dropsAndFlows(flows)}`,
      remedy: `give each process a larger ring (--ring-size), ${facts.source === 'live' ? 'capture less with --filter' : 'send more slowly (--rate)'}, or add processes`,
    });
  }
  if (overflowed > 0) {
    doubts.push({
      code: 'evidence-lost',
      message: `${overflowed} captured packets (${percent(overflowed / seen)}) found bounded flow tables full, ${untracked.packets} of them in the collector; ${limitText}`,
      remedy: `look at fewer flows: a narrower --filter, a lower --max-flows or a shorter --duration${untracked.packets > 0 ? '; or give the flow table more memory (--flow-memory)' : ''}`,
    });
  }
  return doubts;
}

const DROPPERS_SHOWN = 4;

/** Where packets were dropped, most first. */
function droppers({ members }: RunFacts): readonly string[] {
  const dropping = members.filter(({ drops }) => drops > 0).toSorted((a, b) => b.drops - a.drops || a.index - b.index);
  const shown = dropping.slice(0, DROPPERS_SHOWN).map(({ index, drops }) => `${drops} on member ${index}`);
  const rest = sum(dropping.slice(DROPPERS_SHOWN).map(({ drops }) => drops));
  const all = [...shown, ...(rest === 0 ? [] : [`${rest} on ${dropping.length - DROPPERS_SHOWN} more`])];
  return all.length === 0 ? [] : [all.join(', ')];
}

/** A drop is no split: the packet was steered to its member, and was lost there. */
function dropsAndFlows({ split, asymmetric, duplicated }: Evidence['flows']): string {
  const wasParted = split + asymmetric + duplicated > 0;
  return wasParted
    ? 'Drops split no flow: those that were split are counted apart'
    : 'Drops split no flow, and none was split; but a lost packet may have been the one on another process';
}

function accountingDoubts({ packets, withheld, members, contradictions }: RunFacts): readonly Doubt[] {
  const { offered, captured, dropped, judged, overflowed } = packets;
  const doubts: Doubt[] = [];
  const missing = offered === undefined ? 0 : offered - withheld - captured - dropped;
  // What a lost process had not read yet is missing for a reason that is named already.
  const isExplained = missing > 0 && members.some(({ end }) => end !== 'gone');
  if (missing !== 0 && !isExplained) {
    doubts.push({
      code: 'accounting-mismatch',
      message:
        missing > 0
          ? `${missing} of ${offered} packets sent reached no process and are in no counter of the kernel`
          : `${-missing} more packets were captured than the ${offered} that were sent`,
      remedy: 'run again; if it persists, something in this kernel loses or adds packets before the sockets',
    });
  }
  const unattributed = captured - judged - overflowed - sum(Object.values(packets.ignored));
  if (unattributed !== 0) {
    doubts.push({
      code: 'accounting-mismatch',
      message: `${captured} packets were captured, but judged, overflowed and ignored ones add up to ${captured - unattributed}`,
      remedy: 'run again; if it persists, report it: the workers lost count',
    });
  }
  return [...doubts, ...contradictionDoubts(contradictions)];
}

const CONTRADICTIONS_SHOWN = 3;

function contradictionDoubts(contradictions: RunFacts['contradictions']): readonly Doubt[] {
  if (contradictions.length === 0) return [];
  const shown = contradictions
    .slice(0, CONTRADICTIONS_SHOWN)
    .map(({ member, judged, told }) => `member ${member} judged ${judged} and told of ${told}`);
  const rest = contradictions.length > shown.length ? `; and ${contradictions.length - shown.length} more` : '';
  return [
    {
      code: 'accounting-mismatch',
      message: `what members told of flows is not what they counted: ${shown.join('; ')} packets${rest}`,
      remedy: 'run again; if it persists, report it: the workers lost count, or what they wrote was lost',
    },
  ];
}

function memberDoubts({ members, procs }: RunFacts): readonly Doubt[] {
  const lost = members.filter(({ end }) => end !== 'gone');
  if (lost.length === 0) return [];
  const remedies = new Set(lost.flatMap(({ end }) => remedyForEnd(end) ?? []));
  const list = lost.slice(0, 3).map(({ index, pid, end }) => `member ${index} (pid ${pid}): ${end}`);
  return [
    {
      code: 'lost-member',
      message: `${lost.length} of ${procs} processes did not end in order: ${list.join('; ')}${lost.length > 3 ? `; and ${lost.length - 3} more` : ''}`,
      remedy: `${[...remedies, 'what a lost process had captured last is unknown, so run again'].join('; ')}`,
    },
  ];
}

// With the flag, affinity holds only as long as nothing rolls over. (In mode rollover every packet counts, so the counter tells nothing.)
function rolloverDoubts({ mode, flags, members }: RunFacts): readonly Doubt[] {
  const rolledOver = sum(members.map(({ rollover }) => rollover?.all ?? 0));
  if (mode === 'rollover' || !flags.includes('rollover') || rolledOver === 0) return [];
  return [
    {
      code: 'rolled-over',
      message: `rings had no room, and the kernel passed ${rolledOver} packets on to other processes: a flow that was kept together was so by luck`,
      remedy: 'leave --rollover off; give rings more memory (--ring-size) or more processes instead',
    },
  ];
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Two significant digits, never rounded to nothing. */
export function probability(p: number): string {
  if (p < 1e-300) return 'below 1e-300';
  return p < 0.001 ? p.toExponential(p === FALSE_PASS_LIMIT ? 0 : 1) : p.toPrecision(2);
}

function percent(share: number): string {
  const value = share * 100;
  return `${value >= 1 ? value.toFixed(1) : value.toPrecision(2)} %`;
}
