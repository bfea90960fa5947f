/** A run as a report: the answer first, what it rests on, and the answer again with the advice. Decides nothing. */

import {
  type Bars,
  type Counters,
  causeLabel,
  type Document,
  findingBlock,
  findingsTitled,
  flowText,
  furtherText,
  type Item,
  namedInShort,
  noteOn,
  type Paragraph,
  paragraph,
  type Section,
  type Table,
  type Tone,
} from '../../collector/report/document.ts';
import { phraseOf, remedyOf, summaryOf } from '../../collector/report/summary.ts';
import { examplesOf } from '../../collector/verdict/examples.ts';
import { counted, grouped, percent, seconds } from '../../collector/words/english.ts';
import type { Answer, MemberResult, RunResult, Violation } from '../../model/run-result.ts';
import { deploymentSections } from '../deployed-report.ts';

const VIOLATIONS_SHOWN = 10;
const OBSERVATIONS_SHOWN = 8;
const MEMBERS_SHOWN = 64;
const EPOCHS_SHOWN = 32;

export function runDocument(result: RunResult): Document {
  const { verdict, warnings } = result;
  return {
    sections: [
      { blocks: [answer(result), headline(result)] },
      { blocks: verdict.reasons.map((reason) => findingBlock(reason)) },
      { blocks: [counters(result)] },
      ...distribution(result),
      ...stacks(result),
      ...causes(result),
      ...violations(result),
      ...members(result),
      ...epochs(result),
      ...deploymentSections(result.deployment),
      ...findingsTitled('Warnings', warnings),
      { blocks: [closing(result)] },
    ],
  };
}

/** Only the answer and why, and the names of all else that there is to know: what --quiet leaves. */
export function runBrief(result: RunResult): Document {
  const others = otherCauses(result).map((cause) => `${cause.code} (${grouped(cause.flows)} ${cause.flows === 1 ? 'flow' : 'flows'})`);
  const warned = result.warnings.map(({ code }) => `${code} (${phraseOf(code)})`);
  const reasons = result.verdict.reasons.map((reason) => findingBlock(reason));
  const names = [...namedInShort('Other causes', others), ...namedInShort('Warnings', warned)];
  return { sections: [{ blocks: [answer(result), ...reasons, ...names, closing(result)] }], isBrief: true };
}

const ANSWERS: Readonly<Record<Answer, { readonly word: string; readonly tone: Tone }>> = {
  yes: { word: 'YES!', tone: 'good' },
  no: { word: 'NO', tone: 'bad' },
  inconclusive: { word: 'INCONCLUSIVE', tone: 'doubtful' },
};

function answer(result: RunResult): Paragraph {
  return paragraph(summaryOf(result), { tone: ANSWERS[result.verdict.answer].tone });
}

function headline(result: RunResult): Paragraph {
  const { group, host, source } = result;
  const where = source.kind === 'live' ? source.interface : `${source.interface} in the lab`;
  const facts = `${grouped(group.procs)} ${group.procs === 1 ? 'process' : 'processes'}, group ${group.id}, on ${where}, Linux ${host.kernel}, ${seconds(result.durationMs)}`;
  return paragraph(`${facts}${provenance(result)}`);
}

function provenance({ source }: RunResult): string {
  const parts = [
    source.injection === undefined ? undefined : `sent by ${source.injection}`,
    source.seed === undefined ? undefined : `seed ${source.seed}`,
    source.pcap === undefined ? undefined : `replaying ${source.pcap}`,
    source.nic === undefined ? undefined : `simulated NIC ${source.nic}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`;
}

/** The ancestor's counters. A direction succeeds if one process saw all of it; its reverse, if that was the same process. */
function counters({ packets, flows, order }: RunResult): Counters {
  const kept = flows.consistent + flows.asymmetric + flows.oneWay;
  const rows: Counters['rows'] = [
    ['packets', grouped(packets.judged), packetNote(packets)],
    [
      'flows',
      grouped(flows.total),
      `${grouped(flows.twoWay)} seen in both directions, ${grouped(flows.oneWay)} in one${forgottenNote(flows)}`,
    ],
    ['success', grouped(kept), 'flows with each direction on one process'],
    ['reverse success', grouped(flows.consistent), 'flows with both directions on the same process'],
    [
      'failures',
      grouped(flows.split + flows.duplicated),
      `flows split (${grouped(flows.split)}) or duplicated (${grouped(flows.duplicated)})`,
    ],
    ['reverse failures', grouped(flows.asymmetric), 'flows with the reverse direction on another process'],
  ];
  const inversions: Counters['rows'] = order.checked === 0 ? [] : [['out of order', grouped(order.inversions), orderNote(order)]];
  const ignored = Object.entries(packets.ignored).map(([reason, count]) => ['ignored', grouped(count), reason] as const);
  return { kind: 'counters', rows: [...rows, ...inversions, ...ignored] };
}

function forgottenNote({ forgotten = 0 }: RunResult['flows']): string {
  return forgotten === 0 ? '' : `, of which ${grouped(forgotten)} made room`;
}

function orderNote({ checked, inversions, flows, evidence }: RunResult['order']): string {
  const where = inversions === 0 ? '' : `, in ${grouped(flows)} ${flows === 1 ? 'flow' : 'flows'}`;
  const how = evidence === 'exact' ? 'by their numbers' : 'by what TCP acknowledged';
  return `of ${grouped(checked)} packets checked ${how}${where}`;
}

function packetNote({ offered, captured, dropped, overflowed, outgoing }: RunResult['packets']): string {
  const parts = [
    `judged, of ${grouped(captured)} captured`,
    ...(offered === undefined ? [] : [`${grouped(offered)} sent`]),
    `${grouped(dropped)} dropped`,
    ...(overflowed > 0 ? [`${grouped(overflowed)} overflowed`] : []),
    ...(outgoing > 0 ? [`${grouped(outgoing)} outgoing`] : []),
  ];
  return parts.join(', ');
}

function distribution({ members: all, balance }: RunResult): readonly Section[] {
  const total = all.reduce((sum, { packets }) => sum + packets, 0);
  if (total === 0) return [];
  const shown = busiest(all);
  const rows = shown.map(({ index, packets, flows }) => ({
    cells: [`worker ${index}`, grouped(packets), percent(packets / total), `${grouped(flows)} flows`],
    value: packets,
  }));
  const bars: Bars = { kind: 'bars', rows };
  const summary = `${balance.membersUsed} of ${all.length} workers used, busiest ${balance.maxOverMean.toFixed(2)} times the mean, largest flow ${percent(balance.topFlowShare)} of all packets`;
  return [{ title: 'Distribution (packets)', blocks: [bars, ...omitted(all, shown), paragraph(summary)] }];
}

/** All members of an ordinary group; of a very large one those with most packets, by index. */
function busiest(all: readonly MemberResult[]): readonly MemberResult[] {
  if (all.length <= MEMBERS_SHOWN) return all;
  return all
    .toSorted((a, b) => b.packets - a.packets)
    .slice(0, MEMBERS_SHOWN)
    .toSorted((a, b) => a.index - b.index);
}

function omitted(all: readonly unknown[], shown: readonly unknown[]): readonly Paragraph[] {
  if (all.length <= shown.length) return [];
  return [paragraph(`... and ${all.length - shown.length} more (all of them with --json)`, { isUnbroken: true })];
}

/** Copies have a column only where there are any: most runs have none. */
function stacks({ stacks: all }: RunResult): readonly Section[] {
  if (all.length === 0) return [];
  const hasCopies = all.some(({ duplicated }) => duplicated > 0);
  const copies = (cell: string): readonly string[] => (hasCopies ? [cell] : []);
  const head = ['stack', 'flows', 'two-way', 'split', 'asymmetric', ...copies('duplicated'), 'workers', 'answer'];
  const rows = all.map((row) => [
    row.stack,
    ...[row.flows, row.twoWay, row.split, row.asymmetric].map(grouped),
    ...copies(grouped(row.duplicated)),
    grouped(row.membersUsed),
    row.answer,
  ]);
  return [{ title: 'Traffic', blocks: [{ kind: 'table', head, rows, left: [0, head.length - 1] }] }];
}

/** Causes that are not among the reasons: harmless and tolerated ones. */
function otherCauses({ causes: all, verdict }: RunResult): RunResult['causes'] {
  return all.filter(({ code }) => !verdict.reasons.some((reason) => reason.code === code));
}

function causes(result: RunResult): readonly Section[] {
  const others = otherCauses(result);
  return others.length === 0 ? [] : [{ title: 'Other causes', blocks: others.map((cause) => findingBlock(cause, causeLabel(cause))) }];
}

function violations({ violations: all, violationsOmitted, causes: known }: RunResult): readonly Section[] {
  if (all.length === 0) return [];
  const shown = examplesOf(all, known, VIOLATIONS_SHOWN);
  const rest = all.length - shown.length + violationsOmitted;
  const further = rest > 0 ? [paragraph(furtherText(rest), { isUnbroken: true })] : [];
  return [
    {
      title: 'Violations (examples of each cause)',
      blocks: [...shown.map((violation) => violationItem(violation, noteOn(violation.cause, known))), ...further],
    },
  ];
}

function violationItem(violation: Violation, note: string): Item {
  const { kind, cause, stack, flow, observations, observationsOmitted = 0 } = violation;
  const shown = observations.slice(0, OBSERVATIONS_SHOWN);
  const rest = observations.length - shown.length + observationsOmitted;
  const rows = shown.map(({ member, direction, packets, kernelKey }) => [
    `worker ${member}`,
    direction,
    counted(packets, 'packet'),
    `kernel key ${kernelKey}`,
  ]);
  const text = `${flowText(flow)} ${kind}: ${cause}${note} (${stack})`;
  const table: Table = { kind: 'table', rows, left: [0, 1, 3] };
  return { kind: 'item', text, table, ...(rest > 0 ? { more: `... and ${rest} more observations` } : {}) };
}

/** A CPU has a column where workers are pinned, and the kernel's rollover counters where the group rolls over. */
function members({ members: all }: RunResult): readonly Section[] {
  if (all.length === 0) return [];
  const shown = noteworthy(all);
  const rollsOver = all.some(({ rollover }) => rollover !== undefined);
  const isPinned = all.some(({ cpu }) => cpu !== undefined);
  const pinned = (cells: readonly string[]): readonly string[] => (isPinned ? cells : []);
  const rollover = (cells: readonly string[]): readonly string[] => (rollsOver ? cells : []);
  const head = ['worker', 'pid', ...pinned(['cpu']), 'packets', 'bytes', 'flows', 'drops', 'freezes', ...rollover(ROLLOVER_HEAD), 'end'];
  const rows = shown.map((member) => [
    String(member.index),
    String(member.pid),
    ...pinned([member.cpu === undefined ? '-' : String(member.cpu)]),
    ...[member.packets, member.bytes, member.flows, member.drops, member.freezes].map(grouped),
    ...rollover(rolloverCells(member)),
    member.end === 'gone' ? 'exited' : member.end,
  ]);
  return [{ title: 'Workers', blocks: [{ kind: 'table', head, rows, left: [head.length - 1] }, ...omitted(all, shown)] }];
}

/** PACKET_ROLLOVER_STATS: packets of this worker that others got, those among them of a flow that alone fills the ring, and those that found no room anywhere. */
const ROLLOVER_HEAD = ['rolled', 'huge', 'failed'];

function rolloverCells({ rollover }: MemberResult): readonly string[] {
  return rollover === undefined ? ROLLOVER_HEAD.map(() => '-') : [rollover.all, rollover.huge, rollover.failed].map(grouped);
}

/** All members of an ordinary group; of a very large one first those that were lost or that lost packets. */
function noteworthy(all: readonly MemberResult[]): readonly MemberResult[] {
  if (all.length <= MEMBERS_SHOWN) return all;
  const trouble = ({ end, drops, freezes }: MemberResult) => (end === 'gone' ? 0 : 2) + (drops + freezes > 0 ? 1 : 0);
  return all
    .toSorted((a, b) => trouble(b) - trouble(a) || b.packets - a.packets)
    .slice(0, MEMBERS_SHOWN)
    .toSorted((a, b) => a.index - b.index);
}

function epochs({ epochs: all }: RunResult): readonly Section[] {
  if (all.length <= 1 && all.every(({ reason }) => reason === undefined)) return [];
  const shown = all.slice(0, EPOCHS_SHOWN);
  const lines = shown.map(({ members: count, reason }, index) =>
    paragraph(`${counted(count, 'worker')}${reason === undefined ? '' : `: ${reason}`}`, { lead: `epoch ${index}: ` }),
  );
  return [{ title: 'Epochs (evidence is compared only inside one)', blocks: [...lines, ...omitted(all, shown)] }];
}

/** One line for a script or a hurried reader: the answer, and what to do first. */
function closing(result: RunResult): Paragraph {
  const { verdict } = result;
  const { word, tone } = ANSWERS[verdict.answer];
  const remedies = verdict.reasons.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy]));
  const inShort = verdict.answer === 'no' ? remedyOf(result) : undefined;
  const first = inShort === undefined ? remedies[0] : `${inShort.charAt(0).toLowerCase()}${inShort.slice(1)}`;
  const rest = remedies.length < 2 ? '' : ` (and ${remedies.length - 1} more above)`;
  return paragraph(first === undefined ? word : `${word}: ${first}${rest}`, { tone, isUnbroken: true });
}
