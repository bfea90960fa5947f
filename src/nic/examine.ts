/** What an interface is set to, judged for a group that captures there: what breaks its mode, what changes the order, what is lost. Pure. */
import { type FanoutFlag, type FanoutMode, goesByNic } from '../model/fanout.ts';
import { affinityFindings } from './affinity.ts';
import { HASHED_FLOWS, isTold, type NicFacts } from './facts.ts';
import type { Examined, FactId, Meeting, Meets, NicFinding, NicUnknown } from './findings.ts';
import { type Pair, queueMeets, type Samples } from './hashing.ts';
import { lossFindings } from './loss.ts';
import { orderFindings } from './order.ts';
import { cpuMeets } from './places.ts';
import { decisiveUnknowns, otherUnknowns } from './unknowns.ts';

export interface Question {
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  /** Absent: not given; members are as many as it takes. */
  readonly procs?: number;
}

/** @param samples what the hash of this NIC makes of sampled flows, where it tells enough (settingsOf) */
export function examine(facts: NicFacts, question: Question, samples: Samples | undefined): Examined {
  const meetings = meetingsOf(facts, question, samples);
  const cpuMeetings = HASHED_FLOWS.map((flow) => ({ flow, directions: cpuMeets(facts, samples, flow, 'directions', (cpu) => cpu) }));
  const findings = [...affinityFindings(facts, question, meetings), ...orderFindings(facts, question, cpuMeetings), ...lossFindings(facts)];
  return { findings: sorted(findings), meetings, unknowns: unknownsOf(facts, question, meetings, cpuMeetings) };
}

const RANKS = { problem: 0, warning: 1, note: 2 } as const;

function sorted(findings: readonly NicFinding[]): readonly NicFinding[] {
  return [...findings].sort((a, b) => RANKS[a.severity] - RANKS[b.severity]);
}

/** In modes that do not go by the NIC: whether they come to one receive queue. */
function meetingsOf(facts: NicFacts, { mode, procs }: Question, samples: Samples | undefined): readonly Meeting[] {
  const isByNic = goesByNic(mode);
  const place = isByNic && procs !== undefined ? 'member' : mode === 'cpu' ? 'cpu' : 'queue';
  const placeOf = (at: number): number => (isByNic && procs !== undefined ? at % procs : at);
  const meets = (flow: Meeting['flow'], pair: Pair): Meets => {
    if (isByNic && procs === 1) return { answer: 'together', proof: 'one-member' };
    return (mode === 'cpu' ? cpuMeets : queueMeets)(facts, samples, flow, pair, placeOf);
  };
  return HASHED_FLOWS.map((flow) => ({ flow, place, directions: meets(flow, 'directions'), fragments: meets(flow, 'fragments') }));
}

/** Each fact once: what decides goes before what would only be good to know. */
function unknownsOf(
  facts: NicFacts,
  question: Question,
  meetings: readonly Meeting[],
  cpuMeetings: readonly Pick<Meeting, 'flow' | 'directions'>[],
): readonly NicUnknown[] {
  const isByNic = goesByNic(question.mode) && question.procs !== 1;
  const fromMeets = (meets: Meets, isDecisive: boolean): readonly NicUnknown[] =>
    meets.answer === 'unknown' ? [{ ...meets.unknown, isDecisive }] : [];
  const all = [
    ...meetings.flatMap(({ directions }) => fromMeets(directions, isByNic)),
    ...decisiveUnknowns(facts, question),
    ...meetings.flatMap(({ fragments }) => (isByNic ? fromMeets(fragments, false) : [])),
    ...cpuMeetings.flatMap(({ directions }) => fromMeets(directions, false)),
    ...otherUnknowns(facts, question),
  ];
  const byFact = new Map<string, NicUnknown>();
  for (const unknown of all.toSorted((a, b) => Number(b.isDecisive) - Number(a.isDecisive)))
    if (!byFact.has(unknown.fact)) byFact.set(unknown.fact, unknown);
  return [...byFact.values()];
}

export type Answer = 'ok' | 'problem' | 'unknown';

export function answerOf({ findings, unknowns }: Pick<Examined, 'findings' | 'unknowns'>): Answer {
  if (findings.some(({ severity }) => severity === 'problem')) return 'problem';
  return unknowns.some(({ isDecisive }) => isDecisive) ? 'unknown' : 'ok';
}

/** What decides first. */
const ORDER = [
  'driver',
  'kind',
  'link',
  'queues',
  'rss',
  'hashFields',
  'steeringRules',
  'irqs',
  'irqbalance',
  'cpus',
  'numaNode',
  'rps',
  'rfsEntries',
  'threadedNapi',
  'flowDissector',
  'features',
  'privateFlags',
  'uppers',
  'lowers',
  'master',
  'bond',
  'xdp',
  'ingress',
  'groups',
  'rings',
  'coalescing',
  'losses',
  'softnet',
  'backlogMax',
] as const satisfies readonly (keyof NicFacts)[];

/** Facts that were told, by their names. */
export function toldFacts(facts: NicFacts): readonly { readonly id: FactId; readonly value: unknown; readonly where: string }[] {
  const { name: _, hashFields, ...others } = facts;
  const all = [...Object.entries(others), ...HASHED_FLOWS.map((flow) => [`hashFields.${flow}`, hashFields[flow]] as const)];
  const rank = (id: string): number => ORDER.indexOf((id.split('.')[0] ?? id) as (typeof ORDER)[number]);
  const inOrder = [...all].sort(([a], [b]) => rank(a) - rank(b));
  return inOrder.flatMap(([id, fact]) => (isTold<unknown>(fact) ? [{ id: id as FactId, value: fact.value, where: fact.where }] : []));
}
