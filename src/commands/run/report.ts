/** RunResult to text for people: the answer first, what it rests on, and the answer again with the advice. Decides nothing. */

import { bar, grouped, type Paint, paint, percent, type Style, seconds, table, wrap } from '../../collector/report/layout.ts';
import { advice, causeNote, counted, flowText, namedInShort, noteOn } from '../../collector/report/parts.ts';
import { printable } from '../../collector/report/printable.ts';
import { phraseOf, summaryOf } from '../../collector/report/summary.ts';
import { examplesOf } from '../../collector/verdict/examples.ts';
import type { Answer, MemberResult, RunResult, Violation } from '../../model/run-result.ts';

const VIOLATIONS_SHOWN = 10;
const OBSERVATIONS_SHOWN = 8;
const MEMBERS_SHOWN = 64;
const EPOCHS_SHOWN = 32;

type Section = (result: RunResult, style: Style) => readonly string[];

const SECTIONS: readonly Section[] = [
  headline,
  reasons,
  counters,
  distribution,
  stacks,
  causes,
  violations,
  members,
  epochs,
  warnings,
  closing,
];

export function renderTerminal(result: RunResult, style: Style): string {
  const parts = SECTIONS.map((section) => section(result, style)).filter((lines) => lines.length > 0);
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Only the answer and why, and the names of all else that there is to know: what --quiet leaves. */
export function renderBrief(result: RunResult, style: Style): string {
  const others = otherCauses(result).map((cause) => `${cause.code} (${grouped(cause.flows)} ${cause.flows === 1 ? 'flow' : 'flows'})`);
  const warned = result.warnings.map(({ code }) => `${code} (${phraseOf(code)})`);
  const parts = [
    answer(result, style),
    reasons(result, style),
    namedInShort('Other causes', others, style),
    namedInShort('Warnings', warned, style),
    closing(result, style),
  ];
  return `${parts.flat().join('\n')}\n`;
}

const ANSWERS: Readonly<Record<Answer, { readonly word: string; readonly color: Paint }>> = {
  yes: { word: 'YES!', color: 'green' },
  no: { word: 'NO', color: 'red' },
  inconclusive: { word: 'INCONCLUSIVE', color: 'yellow' },
};

function answer(result: RunResult, style: Style): readonly string[] {
  return wrap(printable(summaryOf(result)), '', style).map((line) => paint(line, ANSWERS[result.verdict.answer].color, style));
}

function headline(result: RunResult, style: Style): readonly string[] {
  const { group, host, source } = result;
  const where = source.kind === 'live' ? printable(source.interface) : `${printable(source.interface)} in the lab`;
  const facts = `${grouped(group.procs)} ${group.procs === 1 ? 'process' : 'processes'}, group ${group.id}, on ${where}, Linux ${printable(host.kernel)}, ${seconds(result.durationMs)}`;
  return [...answer(result, style), ...wrap(`${facts}${provenance(result)}`, '', style)];
}

function provenance({ source }: RunResult): string {
  const parts = [
    source.injection === undefined ? undefined : `sent by ${printable(source.injection)}`,
    source.seed === undefined ? undefined : `seed ${source.seed}`,
    source.pcap === undefined ? undefined : `replaying ${printable(source.pcap)}`,
    source.nic === undefined ? undefined : `simulated NIC ${printable(source.nic)}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`;
}

/** The ancestor's counters. A direction succeeds if one process saw all of it; its reverse, if that was the same process. */
function counters({ packets, flows, order }: RunResult, style: Style): readonly string[] {
  const kept = flows.consistent + flows.asymmetric + flows.oneWay;
  const rows = [
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
  const inversions = order.checked === 0 ? [] : [['out of order', grouped(order.inversions), orderNote(order)]];
  const ignored = Object.entries(packets.ignored).map(([reason, count]) => ['ignored', grouped(count), printable(reason)]);
  const all = [...rows, ...inversions, ...ignored];
  const leads = table(
    all.map((row) => row.slice(0, 2)),
    [0],
  );
  return all.flatMap(([, , note = ''], index) => wrap(note, `${leads[index]}  `, style));
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

function distribution({ members: all, balance }: RunResult, style: Style): readonly string[] {
  const total = all.reduce((sum, { packets }) => sum + packets, 0);
  if (total === 0) return [];
  const most = Math.max(...all.map(({ packets }) => packets));
  const shown = busiest(all);
  const rows = table(
    shown.map(({ index, packets, flows }) => [`worker ${index}`, grouped(packets), percent(packets / total), `${grouped(flows)} flows`]),
    [0],
  );
  const room = Math.min(40, style.width - Math.max(...rows.map((row) => row.length)) - 4);
  const lines = rows.map((row, i) => `  ${row}  ${paint(bar(shown[i]?.packets ?? 0, most, room), 'dim', style)}`.trimEnd());
  const summary = `${balance.membersUsed} of ${all.length} workers used, busiest ${balance.maxOverMean.toFixed(2)} times the mean, largest flow ${percent(balance.topFlowShare)} of all packets`;
  return ['Distribution (packets)', ...lines, ...omitted(all, shown), ...wrap(summary, '  ', style)];
}

/** All members of an ordinary group; of a very large one those with most packets, by index. */
function busiest(all: readonly MemberResult[]): readonly MemberResult[] {
  if (all.length <= MEMBERS_SHOWN) return all;
  return all
    .toSorted((a, b) => b.packets - a.packets)
    .slice(0, MEMBERS_SHOWN)
    .toSorted((a, b) => a.index - b.index);
}

function omitted(all: readonly unknown[], shown: readonly unknown[]): readonly string[] {
  return all.length > shown.length ? [`  ... and ${all.length - shown.length} more (all of them with --json)`] : [];
}

/** Copies have a column only where there are any: most runs have none. */
function stacks({ stacks: all }: RunResult): readonly string[] {
  if (all.length === 0) return [];
  const hasCopies = all.some(({ duplicated }) => duplicated > 0);
  const copies = (cell: string): readonly string[] => (hasCopies ? [cell] : []);
  const head = ['stack', 'flows', 'two-way', 'split', 'asymmetric', ...copies('duplicated'), 'workers', 'answer'];
  const rows = all.map((row) => [
    printable(row.stack),
    ...[row.flows, row.twoWay, row.split, row.asymmetric].map(grouped),
    ...copies(grouped(row.duplicated)),
    grouped(row.membersUsed),
    row.answer,
  ]);
  return ['Traffic', ...table([head, ...rows], [0, head.length - 1]).map((line) => `  ${line}`)];
}

/** Causes that are not among the reasons: harmless and tolerated ones. */
function otherCauses({ causes: all, verdict }: RunResult): RunResult['causes'] {
  return all.filter(({ code }) => !verdict.reasons.some((reason) => reason.code === code));
}

function causes(result: RunResult, style: Style): readonly string[] {
  const others = otherCauses(result);
  if (others.length === 0) return [];
  return ['Other causes', ...others.flatMap((cause) => advice({ ...cause, code: `${cause.code}${causeNote(cause)}` }, '  ', style))];
}

function violations({ violations: all, violationsOmitted, causes: known }: RunResult, style: Style): readonly string[] {
  if (all.length === 0) return [];
  const shown = examplesOf(all, known, VIOLATIONS_SHOWN);
  const rest = all.length - shown.length + violationsOmitted;
  return [
    'Violations (examples of each cause)',
    ...shown.flatMap((violation) => violationLines(violation, noteOn(violation.cause, known), style)),
    ...(rest > 0 ? [`  ... and ${grouped(rest)} more`] : []),
  ];
}

function violationLines(violation: Violation, note: string, style: Style): readonly string[] {
  const { kind, cause, stack, flow, observations, observationsOmitted = 0 } = violation;
  const shown = observations.slice(0, OBSERVATIONS_SHOWN);
  const rest = observations.length - shown.length + observationsOmitted;
  const rows = shown.map(({ member, direction, packets, kernelKey }) => [
    `worker ${member}`,
    direction,
    counted(packets, 'packet'),
    `kernel key ${printable(kernelKey)}`,
  ]);
  return [
    ...wrap(`${flowText(flow)} ${kind}: ${printable(cause)}${note} (${printable(stack)})`, '  ', style),
    ...table(rows, [0, 1, 3]).map((line) => `    ${line}`),
    ...(rest > 0 ? [`    ... and ${rest} more observations`] : []),
  ];
}

/** The kernel's rollover counters have columns where the group rolls over. */
function members({ members: all }: RunResult): readonly string[] {
  if (all.length === 0) return [];
  const shown = noteworthy(all);
  const rollsOver = all.some(({ rollover }) => rollover !== undefined);
  const rollover = (cells: readonly string[]): readonly string[] => (rollsOver ? cells : []);
  const head = ['worker', 'pid', 'cpu', 'packets', 'bytes', 'flows', 'drops', 'freezes', ...rollover(ROLLOVER_HEAD), 'end'];
  const rows = shown.map((member) => [
    String(member.index),
    String(member.pid),
    member.cpu === undefined ? '-' : String(member.cpu),
    ...[member.packets, member.bytes, member.flows, member.drops, member.freezes].map(grouped),
    ...rollover(rolloverCells(member)),
    printable(member.end),
  ]);
  return ['Workers', ...table([head, ...rows], [head.length - 1]).map((line) => `  ${line}`), ...omitted(all, shown)];
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

function epochs({ epochs: all }: RunResult, style: Style): readonly string[] {
  if (all.length <= 1 && all.every(({ reason }) => reason === undefined)) return [];
  const shown = all.slice(0, EPOCHS_SHOWN);
  const lines = shown.flatMap(({ members: count, reason }, index) =>
    wrap(`${count} members${reason === undefined ? '' : `: ${printable(reason)}`}`, `  epoch ${index}: `, style),
  );
  return ['Epochs (evidence is compared only inside one)', ...lines, ...omitted(all, shown)];
}

function warnings({ warnings: all }: RunResult, style: Style): readonly string[] {
  return all.length === 0 ? [] : ['Warnings', ...all.flatMap((warning) => advice(warning, '  ', style))];
}

function reasons({ verdict }: RunResult, style: Style): readonly string[] {
  return verdict.reasons.flatMap((reason) => advice(reason, '', style));
}

/** One line for a script or a hurried reader: the answer, and what to do first. */
function closing({ verdict }: RunResult, style: Style): readonly string[] {
  const { word, color } = ANSWERS[verdict.answer];
  const [first, ...others] = verdict.reasons.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy]));
  const rest = others.length === 0 ? '' : ` (and ${others.length} more above)`;
  return [paint(first === undefined ? word : `${word}: ${printable(first)}${rest}`, color, style)];
}
