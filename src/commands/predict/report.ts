/** PredictionResult to text for people: the answer first, then what it rests on, and how to confirm it. Decides nothing. */

import { grouped, type Paint, paint, type Style, table, wrap } from '../../collector/report/layout.ts';
import { advice, causeNote, counted, flowText, namedInShort, noteOn } from '../../collector/report/parts.ts';
import { printable } from '../../collector/report/printable.ts';
import { phraseOf } from '../../collector/report/summary.ts';
import { examplesOf } from '../../collector/verdict/examples.ts';
import { designText, isCurrent } from '../../model/kernel-model.ts';
import { partedOf } from './prediction.ts';
import type { GroupPrediction, ModelledKernel, PredictedViolation, PredictionResult } from './result.ts';

const VIOLATIONS_SHOWN = 5;
const OBSERVATIONS_SHOWN = 8;

type Section = (result: PredictionResult, style: Style) => readonly string[];

export function renderPrediction(result: PredictionResult, style: Style): string {
  return join([headline, groups, counters, stacks, causes, violations, warnings, model, confirmation], result, style);
}

/** Only the answer and why, and the names of what is wrong with the file: what --quiet leaves. */
export function renderPredictionBrief(result: PredictionResult, style: Style): string {
  return join([headline, causes, warningsInShort], result, style);
}

function warningsInShort({ warnings: all }: PredictionResult, style: Style): readonly string[] {
  return namedInShort(
    'Warnings',
    all.map(({ code }) => `${code} (${phraseOf(code)})`),
    style,
  );
}

function join(sections: readonly Section[], result: PredictionResult, style: Style): string {
  const parts = sections.map((section) => section(result, style)).filter((lines) => lines.length > 0);
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

// ---- the answer

function headline(result: PredictionResult, style: Style): readonly string[] {
  const [text, color] = answerOf(result);
  const [warning, ...others] = result.warnings;
  const more = others.length === 0 ? '' : ` (and ${others.length} more below)`;
  // Who reads no further must not take it for an answer about the whole file.
  const but = warning === undefined ? '' : ` But ${phraseOf(warning.code)}${more}.`;
  return wrap(printable(`${text}${but}`), '', style).map((line) => paint(line, color, style));
}

function answerOf(result: PredictionResult): readonly [string, Paint] {
  const { flows, packets } = result;
  const [label, name] = [labelOf(result), fileOf(result)];
  if (flows.total === 0) return [`There is no flow in ${name}, so nothing can be said of it.`, 'yellow'];
  const parted = partedOf(result);
  const all = `${grouped(flows.total)} ${flows.total === 1 ? 'flow' : 'flows'}`;
  if (parted > 0) return [`${label} must ${verbOf(result)} ${grouped(parted)} of ${all} of ${name}; ${otherText(result, 'none')}.`, 'red'];
  const each = flows.total === 1 ? `the flow of ${name} on one process` : `all ${all} of ${name} on one process each`;
  const kept = `${label} keeps ${each}${exceptions(result)}`;
  if (flows.twoWay === 0) return [`${kept}, but none has both directions, so it is not shown that they meet.`, 'yellow'];
  if (packets.overflowed > 0) return [`${kept}, but there were more of them than could be judged.`, 'yellow'];
  return [`${kept}; ${otherText(result, 'too')}.`, result.warnings.length === 0 ? 'green' : 'yellow'];
}

function labelOf({ group }: Pick<GroupPrediction, 'group'>): string {
  return ['HASH', ...group.flags.map((flag) => flag.toUpperCase())].join('+');
}

function verbOf({ flows }: Pick<GroupPrediction, 'flows'>): string {
  if (flows.duplicated === 0) return 'split';
  // Copies are never harmless.
  return flows.split === flows.harmless ? 'duplicate' : 'split or duplicate';
}

function exceptions({ flows }: Pick<GroupPrediction, 'flows'>): string {
  return flows.harmless === 0 ? '' : `, but for ${grouped(flows.harmless)} that ${flows.harmless === 1 ? 'does' : 'do'} not count`;
}

/** What the flag would change. `none` is said where the other group parts nothing. */
function otherText({ alternative }: PredictionResult, none: string): string {
  const parted = partedOf(alternative);
  const how = alternative.group.flags.includes('defrag') ? 'with --defrag' : 'without --defrag';
  if (parted === 0) return `${how} ${none}`;
  return none === 'none' ? `${how} ${grouped(parted)}` : `${how} it must ${verbOf(alternative)} ${grouped(parted)}`;
}

function fileOf({ source }: PredictionResult): string {
  return source.pcap === '-' ? 'standard input' : printable(source.pcap);
}

// ---- what it rests on

/** Both groups, the one without the flag first. */
function groups(result: PredictionResult): readonly string[] {
  const both: readonly GroupPrediction[] = result.group.flags.length === 0 ? [result, result.alternative] : [result.alternative, result];
  const rows = both.map(({ group, flows }) => [
    ['hash', ...group.flags].join('+'),
    ...[flows.total, flows.kept, flows.split, flows.duplicated, flows.harmless].map(grouped),
  ]);
  return table([['group', 'flows', 'kept', 'split', 'copied', 'harmless'], ...rows], [0]);
}

function counters({ packets, flows }: PredictionResult, style: Style): readonly string[] {
  const rows: readonly (readonly [string, number, string])[] = [
    ['packets', packets.judged, `judged, of ${grouped(packets.read)} read`],
    ['flows', flows.total, `${grouped(flows.twoWay)} seen in both directions, ${grouped(flows.oneWay)} in one`],
    ['left out', packets.leftOut, 'packets of which no Ethernet frame can be made'],
    ['held back', packets.heldBack ?? 0, 'fragments of datagrams that never become whole'],
    ['overflowed', packets.overflowed, 'packets of flows for which there was no room'],
    ...Object.entries(packets.ignored).map(([reason, count]) => ['ignored', count, printable(reason)] as const),
  ];
  const shown = rows.filter(([, count], index) => index < 2 || count > 0);
  const leads = table(
    shown.map(([name, count]) => [name, grouped(count)]),
    [0],
  );
  return shown.flatMap(([, , note], index) => wrap(note, `${leads[index]}  `, style));
}

function stacks({ stacks: all }: PredictionResult): readonly string[] {
  if (all.length === 0) return [];
  const head = ['stack', 'flows', 'two-way', 'kept', 'split', 'copied'];
  const rows = all.map(({ stack, flows, twoWay, kept, split, duplicated }) => [
    printable(stack),
    ...[flows, twoWay, kept, split, duplicated].map(grouped),
  ]);
  return ['Traffic', ...table([head, ...rows], [0]).map((line) => `  ${line}`)];
}

function causes({ causes: all }: PredictionResult, style: Style): readonly string[] {
  if (all.length === 0) return [];
  // The answer rests on those that count.
  const sorted = all.toSorted((a, b) => Number(a.harmless) - Number(b.harmless));
  return ['Causes', ...sorted.flatMap((cause) => advice({ ...cause, code: `${cause.code}${causeNote(cause)}` }, '  ', style))];
}

function violations({ violations: all, violationsOmitted, causes: known }: PredictionResult, style: Style): readonly string[] {
  if (all.length === 0) return [];
  const shown = examplesOf(all, known, VIOLATIONS_SHOWN);
  const rest = all.length - shown.length + violationsOmitted;
  return [
    'Flows with several kernel keys',
    ...shown.flatMap((violation) => violationLines(violation, noteOn(violation.cause, known), style)),
    ...(rest > 0 ? [`  ... and ${grouped(rest)} more`] : []),
  ];
}

function violationLines(violation: PredictedViolation, note: string, style: Style): readonly string[] {
  const { kind, cause, stack, flow, observations, observationsOmitted = 0 } = violation;
  const shown = observations.slice(0, OBSERVATIONS_SHOWN);
  const rest = observations.length - shown.length + observationsOmitted;
  const rows = shown.map(({ direction, packets, kernelKey, stack: own }) => [
    `kernel key ${printable(kernelKey)}`,
    direction,
    counted(packets, 'packet'),
    own === stack ? '' : printable(own),
  ]);
  return [
    ...wrap(`${flowText(flow)} ${kind}: ${printable(cause)}${note} (${printable(stack)})`, '  ', style),
    ...table(rows, [0, 1, 3]).map((line) => `    ${line}`),
    ...(rest > 0 ? [`    ... and ${rest} more observations`] : []),
  ];
}

function warnings({ warnings: all }: PredictionResult, style: Style): readonly string[] {
  return all.length === 0 ? [] : ['Warnings', ...all.flatMap((warning) => advice(warning, '  ', style))];
}

// ---- how far to trust it

function model({ kernel }: PredictionResult, style: Style): readonly string[] {
  const text =
    `This is a prediction, by a model of what ${kernelName(kernel)} hashes, for a group without a BPF flow dissector. ` +
    'Packets of one key are on one process in every group; a group of n processes keeps a flow of two keys together by chance, in 1 of n.';
  return [...wrap(text, '', style), ...peculiarities(kernel).flatMap((line) => wrap(line, '', style))];
}

function kernelName({ release, from }: ModelledKernel): string {
  return from === 'option' ? `Linux ${printable(release)}` : `this kernel, Linux ${printable(release)},`;
}

/** In what it differs from current kernels, and how far that is known. */
function peculiarities({ release, design, bugs, assumed, probed }: ModelledKernel): readonly string[] {
  const known = [['B', bugs.b] as const, ['C', bugs.c] as const].filter(([, has]) => has).map(([name]) => name);
  const differs = [
    ...(isCurrent(design) ? [] : [designText(design)]),
    ...(known.length === 0 ? [] : [`has known ${known.length === 1 ? 'bug' : 'bugs'} ${known.join(' and ')}`]),
    ...(bugs.d ? [] : ['has not bug D']),
  ];
  return [
    ...(differs.length === 0 ? [] : [`Unlike current kernels it ${differs.join('; it ')}.`]),
    ...(probed ? ['It was asked how it hashes, by packets in a network namespace.'] : []),
    ...(assumed.length === 0 ? [] : [`Assumed, because ${printable(release)} does not tell: ${assumed.join('; ')}.`]),
  ];
}

function confirmation({ source, kernel, group }: PredictionResult): readonly string[] {
  const file = source.pcap === '-' ? 'FILE' : quoted(printable(source.pcap));
  const defrag = group.flags.includes('defrag') ? ' --defrag' : '';
  // Not broken into lines: it is there to be copied.
  return [
    kernel.from === 'option' ? 'To see it happen, on such a kernel:' : 'To see it happen:',
    `  sudo fanout-cluster --pcap ${file}${defrag} --procs 64`,
  ];
}

/** As a shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
