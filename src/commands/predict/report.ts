/** A prediction as a report: the answer first, then what it rests on, and how to confirm it. Decides nothing. */

import {
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
import { phraseOf } from '../../collector/report/summary.ts';
import { examplesOf } from '../../collector/verdict/examples.ts';
import { counted, grouped } from '../../collector/words/english.ts';
import { designText, isCurrent } from '../../model/kernel-model.ts';
import { splitOf } from './prediction.ts';
import type { GroupPrediction, ModelledKernel, PredictedViolation, PredictionResult } from './result.ts';

const VIOLATIONS_SHOWN = 5;
const OBSERVATIONS_SHOWN = 8;

export function predictionDocument(result: PredictionResult): Document {
  return {
    sections: [
      { blocks: [headline(result)] },
      { blocks: [groups(result)] },
      { blocks: [counters(result)] },
      ...stacks(result),
      ...causes(result),
      ...violations(result),
      ...findingsTitled('Warnings', result.warnings),
      { blocks: model(result) },
      confirmation(result),
    ],
  };
}

/** Only the answer and why, and the names of what is wrong with the file: what --quiet leaves. */
export function predictionBrief(result: PredictionResult): Document {
  const warned = result.warnings.map(({ code }) => `${code} (${phraseOf(code)})`);
  return { sections: [{ blocks: [headline(result)] }, ...causes(result), { blocks: namedInShort('Warnings', warned) }] };
}

// ---- the answer

function headline(result: PredictionResult): Paragraph {
  const [text, tone] = answerOf(result);
  const [warning, ...others] = result.warnings;
  const more = others.length === 0 ? '' : ` (and ${others.length} more below)`;
  // Who reads no further must not take it for an answer about the whole file.
  const but = warning === undefined ? '' : ` But ${phraseOf(warning.code)}${more}.`;
  return paragraph(`${text}${but}`, { tone });
}

function answerOf(result: PredictionResult): readonly [string, Tone] {
  const { flows, packets } = result;
  const [label, name] = [labelOf(result), fileOf(result)];
  if (flows.total === 0) return [`There is no flow in ${name}, so nothing can be said of it.`, 'doubtful'];
  const split = splitOf(result);
  const all = `${grouped(flows.total)} ${flows.total === 1 ? 'flow' : 'flows'}`;
  if (split > 0) return [`${label} must ${verbOf(result)} ${grouped(split)} of ${all} of ${name}; ${otherText(result, 'none')}.`, 'bad'];
  const each = flows.total === 1 ? `the flow of ${name} on one process` : `all ${all} of ${name} on one process each`;
  const kept = `${label} keeps ${each}${exceptions(result)}`;
  if (flows.twoWay === 0) return [`${kept}, but none has both directions, so it is not shown that they meet.`, 'doubtful'];
  if (packets.overflowed > 0) return [`${kept}, but there were more of them than could be judged.`, 'doubtful'];
  return [`${kept}; ${otherText(result, 'too')}.`, result.warnings.length === 0 ? 'good' : 'doubtful'];
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
  const split = splitOf(alternative);
  const how = alternative.group.flags.includes('defrag') ? 'with --defrag' : 'without --defrag';
  if (split === 0) return `${how} ${none}`;
  return none === 'none' ? `${how} ${grouped(split)}` : `${how} it must ${verbOf(alternative)} ${grouped(split)}`;
}

function fileOf({ source }: PredictionResult): string {
  return source.pcap === '-' ? 'standard input' : source.pcap;
}

// ---- what it rests on

/** Both groups, the one without the flag first. */
function groups(result: PredictionResult): Table {
  const both: readonly GroupPrediction[] = result.group.flags.length === 0 ? [result, result.alternative] : [result.alternative, result];
  const rows = both.map(({ group, flows }) => [
    ['hash', ...group.flags].join('+'),
    ...[flows.total, flows.kept, flows.split, flows.duplicated, flows.harmless].map(grouped),
  ]);
  return { kind: 'table', head: ['group', 'flows', 'kept', 'split', 'copied', 'harmless'], rows, left: [0] };
}

function counters({ packets, flows }: PredictionResult): Counters {
  const rows: readonly (readonly [string, number, string])[] = [
    ['packets', packets.judged, `judged, of ${grouped(packets.read)} read`],
    ['flows', flows.total, `${grouped(flows.twoWay)} seen in both directions, ${grouped(flows.oneWay)} in one`],
    ['left out', packets.leftOut, 'packets of which no Ethernet frame can be made'],
    ['held back', packets.heldBack ?? 0, 'fragments of datagrams that never become whole'],
    ['overflowed', packets.overflowed, 'packets of flows for which there was no room'],
    ...Object.entries(packets.ignored).map(([reason, count]) => ['ignored', count, reason] as const),
  ];
  const shown = rows.filter(([, count], index) => index < 2 || count > 0);
  return { kind: 'counters', rows: shown.map(([name, count, note]) => [name, grouped(count), note]) };
}

function stacks({ stacks: all }: PredictionResult): readonly Section[] {
  if (all.length === 0) return [];
  const head = ['stack', 'flows', 'two-way', 'kept', 'split', 'copied'];
  const rows = all.map(({ stack, flows, twoWay, kept, split, duplicated }) => [
    stack,
    ...[flows, twoWay, kept, split, duplicated].map(grouped),
  ]);
  return [{ title: 'Traffic', blocks: [{ kind: 'table', head, rows, left: [0] }] }];
}

function causes({ causes: all }: PredictionResult): readonly Section[] {
  if (all.length === 0) return [];
  // The answer rests on those that count.
  const sorted = all.toSorted((a, b) => Number(a.harmless) - Number(b.harmless));
  return [{ title: 'Causes', blocks: sorted.map((cause) => findingBlock(cause, causeLabel(cause))) }];
}

function violations({ violations: all, violationsOmitted, causes: known }: PredictionResult): readonly Section[] {
  if (all.length === 0) return [];
  const shown = examplesOf(all, known, VIOLATIONS_SHOWN);
  const rest = all.length - shown.length + violationsOmitted;
  const further = rest > 0 ? [paragraph(furtherText(rest), { isUnbroken: true })] : [];
  return [
    {
      title: 'Flows with several kernel keys',
      blocks: [...shown.map((violation) => violationItem(violation, noteOn(violation.cause, known))), ...further],
    },
  ];
}

function violationItem(violation: PredictedViolation, note: string): Item {
  const { kind, cause, stack, flow, observations, observationsOmitted = 0 } = violation;
  const shown = observations.slice(0, OBSERVATIONS_SHOWN);
  const rest = observations.length - shown.length + observationsOmitted;
  const rows = shown.map(({ direction, packets, kernelKey, stack: own }) => [
    `kernel key ${kernelKey}`,
    direction,
    counted(packets, 'packet'),
    own === stack ? '' : own,
  ]);
  const text = `${flowText(flow)} ${kind}: ${cause}${note} (${stack})`;
  const table: Table = { kind: 'table', rows, left: [0, 1, 3] };
  return { kind: 'item', text, table, ...(rest > 0 ? { more: `... and ${rest} more observations` } : {}) };
}

// ---- how far to trust it

function model({ kernel }: PredictionResult): readonly Paragraph[] {
  const text =
    `This is a prediction, by a model of what ${kernelName(kernel)} hashes, for a group without a BPF flow dissector. ` +
    'Packets of one key are on one process in every group; a group of n processes keeps a flow of two keys together by chance, in 1 of n.';
  return [text, ...peculiarities(kernel)].map((line) => paragraph(line));
}

function kernelName({ release, from }: ModelledKernel): string {
  return from === 'option' ? `Linux ${release}` : `this kernel, Linux ${release},`;
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
    ...(assumed.length === 0 ? [] : [`Assumed, because ${release} does not tell: ${assumed.join('; ')}.`]),
  ];
}

function confirmation({ source, kernel, group }: PredictionResult): Section {
  const file = source.pcap === '-' ? 'FILE' : quoted(source.pcap);
  const defrag = group.flags.includes('defrag') ? ' --defrag' : '';
  return {
    title: kernel.from === 'option' ? 'To see it happen, on such a kernel:' : 'To see it happen:',
    // It is there to be copied.
    blocks: [paragraph(`sudo fanout-cluster --pcap ${file}${defrag} --procs 64`, { isUnbroken: true })],
  };
}

/** As a shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
