/** What of an interface's settings takes packets of one flow to several members, or leaves members without packets. Pure. */
import { modeRow } from '../model/fanout.ts';
import { channelsOf, hashedQueues, sentTrafficSteering } from './drivers.ts';
import type { Question } from './examine.ts';
import { isTold, type NicFacts } from './facts.ts';
import { type ApartFlow, type Meeting, type Meets, type NicFinding, nicFinding } from './findings.ts';
import { hasOneQueue, receivedElsewhere } from './hashing.ts';
import { crowdedCpus, mendOf, receivingCpus, usesRps, wideIrqs } from './places.ts';

export function affinityFindings(facts: NicFacts, question: Question, meetings: readonly Meeting[]): readonly NicFinding[] {
  const { mode, flags, procs } = question;
  // One member gets everything, whatever the mode.
  if (procs === 1) return [];
  return [
    ...(['turn', 'draw', 'ring'].includes(modeRow(mode).goesBy) ? [nicFinding('by-design', 'problem', { mode })] : []),
    ...(flags.includes('rollover') && mode !== 'rollover' ? [nicFinding('rollover-flag', 'warning', { mode })] : []),
    ...(mode === 'hash' ? dissectorFindings(facts) : []),
    ...(mode === 'qm' || mode === 'cpu' ? nicFindings(facts, { ...question, mode }, meetings) : []),
    ...(mode === 'qm' ? queueFindings(facts, question) : []),
    ...(mode === 'cpu' ? cpuFindings(facts, question) : []),
  ];
}

/** It replaces what the hash is made of. One of this program keeps the innermost flows together. */
function dissectorFindings({ flowDissector }: NicFacts): readonly NicFinding[] {
  if (!isTold(flowDissector) || flowDissector.value === null) return [];
  const { programId, isBuiltin } = flowDissector.value;
  return [nicFinding('flow-dissector', isBuiltin ? 'note' : 'warning', { programId, isBuiltin })];
}

interface NicQuestion extends Question {
  readonly mode: 'qm' | 'cpu';
}

function nicFindings(facts: NicFacts, { mode }: NicQuestion, meetings: readonly Meeting[]): readonly NicFinding[] {
  const apart = apartFlows(meetings, ({ directions }) => directions);
  const datagrams = meetings.filter(({ flow }) => flow.startsWith('udp'));
  const fragments = apartFlows(datagrams, (meeting) => meeting.fragments);
  const isByKernel = datagrams.some((meeting) => meeting.fragments.answer === 'apart' && meeting.fragments.proof === 'software-hash');
  const hasLabels = meetings.some(({ directions }) => directions.answer === 'unlabelled');
  const by = meetings.some(({ directions }) => directions.answer === 'apart' && directions.by === 'rps') ? 'rps' : 'queues';
  return [
    ...(apart.length === 0 ? [] : [nicFinding('directions-apart', 'problem', { mode, by, flows: apart, mend: mendOf(facts) })]),
    ...(fragments.length === 0
      ? []
      : [nicFinding('fragments-apart', 'warning', { mode, by: isByKernel ? 'kernel' : 'nic', flows: fragments })]),
    ...(hasLabels ? [nicFinding('rps-flow-labels', 'warning', { mode })] : []),
    ...steeringFindings(facts, mode),
  ];
}

/** Steers single flows past the hash; without effect where there is one queue. */
function steeringFindings(facts: NicFacts, mode: 'qm' | 'cpu'): readonly NicFinding[] {
  const { steeringRules } = facts;
  if (hasOneQueue(facts)) return [];
  const off = sentTrafficSteering(facts);
  return [
    ...(isTold(steeringRules) && steeringRules.value > 0
      ? [nicFinding('steering-rules', 'warning', { mode, count: steeringRules.value })]
      : []),
    ...(off === undefined || off === 'untold' ? [] : [nicFinding('sent-traffic-steering', 'warning', { mode, off })]),
  ];
}

export function apartFlows<M extends Pick<Meeting, 'flow'>>(meetings: readonly M[], of: (meeting: M) => Meets): readonly ApartFlow[] {
  return meetings.flatMap((meeting) => {
    const meets = of(meeting);
    if (meets.answer !== 'apart') return [];
    return [{ flow: meeting.flow, ...(meets.share === undefined ? {} : { share: meets.share }) }];
  });
}

function queueFindings(facts: NicFacts, { procs }: Question): readonly NicFinding[] {
  const { queues, rss } = facts;
  if (!isTold(queues) || receivedElsewhere(facts) !== undefined) return [];
  const { used, most } = queues.value;
  const channels = channelsOf(facts);
  if (used === 1)
    return [
      nicFinding('one-queue', 'warning', { mode: 'qm', most, channels, mend: mendOf(facts), ...(procs === undefined ? {} : { procs }) }),
    ];
  const table = isTold(rss) ? rss.value.table : null;
  const reached = table === null || table.length === 0 ? undefined : new Set(table);
  const unused = reached === undefined ? [] : Array.from({ length: used }, (_, queue) => queue).filter((queue) => !reached.has(queue));
  return [
    ...(procs !== undefined && procs > used
      ? [nicFinding('members-beyond-queues', 'warning', { queues: used, procs, most, channels })]
      : []),
    ...(unused.length === 0
      ? []
      : [nicFinding('queues-unused', 'warning', { unused, queues: used, hashedMost: hashedQueues(facts, used), channels })]),
  ];
}

function cpuFindings(facts: NicFacts, { procs }: Question): readonly NicFinding[] {
  const { queues, threadedNapi, rps, rfsEntries, irqbalance } = facts;
  const isOneQueue = hasOneQueue(facts) && isTold(rps) && !usesRps(facts);
  const most = isTold(queues) ? queues.value.most : null;
  const isRfs = isTold(rfsEntries) && rfsEntries.value > 0 && isTold(rps);
  const learning = isRfs ? rps.value.filter(({ flowCount }) => flowCount > 0).map(({ queue }) => queue) : [];
  const wide = wideIrqs(facts);
  return [
    ...(isTold(irqbalance) && irqbalance.value && wide.length > 0 ? [nicFinding('irq-moves', 'problem', { mode: 'cpu', irqs: wide })] : []),
    ...(isTold(threadedNapi) && threadedNapi.value ? [nicFinding('threaded-napi', 'problem', { mode: 'cpu' })] : []),
    ...(learning.length === 0 ? [] : [nicFinding('rfs', 'warning', { mode: 'cpu', queues: learning })]),
    ...(isOneQueue
      ? [
          nicFinding('one-queue', 'warning', {
            mode: 'cpu',
            most,
            channels: channelsOf(facts),
            mend: mendOf(facts),
            ...(procs === undefined ? {} : { procs }),
          }),
        ]
      : []),
    ...(isOneQueue ? [] : idleMembers(facts, procs)),
    ...(usesRps(facts) ? [] : crowdedCpus(facts).map((args) => nicFinding('queues-share-cpu', 'warning', args))),
  ];
}

/** Members that no CPU is that of, as far as the CPUs are known. */
function idleMembers(facts: NicFacts, procs: number | undefined): readonly NicFinding[] {
  const cpus = receivingCpus(facts);
  if (procs === undefined || cpus === undefined) return [];
  const reached = new Set(cpus.map((cpu) => cpu % procs));
  const members = Array.from({ length: procs }, (_, member) => member).filter((member) => !reached.has(member));
  return members.length === 0 ? [] : [nicFinding('members-without-cpu', 'warning', { members, cpus, procs })];
}
