/** ComparisonResult to text for people: one table, what to use and why, and the lines to paste. Decides nothing. */

import { grouped, joinSections, type Paint, paint, type Style, seconds, table, wrap } from '../../collector/report/layout.ts';
import { advice, namedInShort } from '../../collector/report/parts.ts';
import { printable } from '../../collector/report/printable.ts';
import { labelOf } from '../../model/fanout.ts';
import type { Answer, Reason, RunResult } from '../../model/run-result.ts';
import { ownLoadLines } from './own-load-report.ts';
import type { ComparisonResult } from './result.ts';

type Section = (result: ComparisonResult, style: Style) => readonly string[];

const SECTIONS: readonly Section[] = [headline, modes, leftOut, ownLoad, warnings, ofRuns, why, lines, closing];

export function renderComparison(result: ComparisonResult, style: Style): string {
  return joinSections(SECTIONS.map((section) => section(result, style)));
}

/** Only what to use and why, and the names of all that speaks against it: what --quiet leaves. */
export function renderComparisonBrief(result: ComparisonResult, style: Style): string {
  return joinSections([why(result, style), inShort(result, style), closing(result, style)]);
}

function inShort(result: ComparisonResult, style: Style): readonly string[] {
  const { leftOut: untested, warnings: all } = result;
  return [
    ...namedInShort(
      'Not tested',
      untested.map(({ reason, ...group }) => `${labelOf(group)} (${reason.code})`),
      style,
    ),
    ...all.flatMap((warning) => wrap(`${printable(warning.code)}: ${printable(warning.message)}`, '', style)),
    ...namedInShort(
      'Warnings',
      warningsOfRuns(result).map(({ code, labels }) => `${code} (${labels})`),
      style,
    ),
  ];
}

interface RunWarning extends Reason {
  /** Of the modes that have it. */
  readonly labels: string;
}

/** What runs warn of and the reasons do not say already, each warning once. */
function warningsOfRuns({ runs, recommendation }: ComparisonResult): readonly RunWarning[] {
  const found = new Map<string, { readonly warning: Reason; readonly modes: string[] }>();
  for (const run of runs) {
    for (const warning of run.warnings.filter(({ code }) => !recommendation.reasons.some((reason) => reason.code === code))) {
      const entry = found.get(warning.code) ?? { warning, modes: [] };
      found.set(warning.code, entry);
      entry.modes.push(labelOf(run.group));
    }
  }
  return [...found.values()].map(({ warning, modes: all }) => ({
    ...warning,
    labels: all.length === runs.length && all.length > 1 ? 'all modes' : [...new Set(all)].join(', '),
  }));
}

function headline(result: ComparisonResult, style: Style): readonly string[] {
  const { runs, leftOut: untested, procs, source, host, durationMs, packets } = result;
  const where = source.kind === 'live' ? `on ${printable(source.interface)}` : 'in the lab';
  const parts = [
    `${runs.length} ${runs.length === 1 ? 'mode' : 'modes'}${restText(runs, untested)} on ${packets === 'same' ? 'the same packets' : 'the same traffic, one after the other'}`,
    `${procs} processes each`,
    `${where}, Linux ${printable(host.kernel)}`,
    seconds(durationMs),
    ...(source.pcap === undefined ? [] : [`replaying ${printable(source.pcap)}`]),
    ...(source.nic === undefined ? [] : [`simulated NIC ${printable(source.nic)}`]),
    ...(source.seed === undefined ? [] : [`seed ${source.seed}`]),
  ];
  return wrap(parts.join(', '), '', style);
}

function restText(runs: readonly RunResult[], untested: ComparisonResult['leftOut']): string {
  return untested.length === 0 ? '' : ` of ${askedModes(runs, untested)}`;
}

function askedModes(runs: readonly RunResult[], untested: ComparisonResult['leftOut']): number {
  return new Set([...untested.map((group) => labelOf(group)), ...runs.map(({ group }) => labelOf(group))]).size;
}

const WORDS: Readonly<Record<Answer, { readonly word: string; readonly color: Paint }>> = {
  yes: { word: 'YES', color: 'green' },
  no: { word: 'NO', color: 'red' },
  inconclusive: { word: 'unknown', color: 'yellow' },
};

const HEADINGS = ['mode', 'answer', 'flows', 'split', 'asym', 'dupl', 'disorder', 'used', 'max/mean', 'drops', 'cause'] as const;

function modes({ runs }: ComparisonResult, style: Style): readonly string[] {
  const [heading = '', ...rows] = table([HEADINGS, ...runs.map(rowOf)], [0, 1, 10]);
  return [
    paint(heading, 'bold', style),
    ...rows.map((row, i) => {
      const { word, color } = WORDS[runs[i]?.verdict.answer ?? 'inconclusive'];
      return row.replace(word, paint(word, color, style));
    }),
    '',
    ...wrap(
      'flows: seen in both directions. disorder: packets that reached their process after later ones of their flow. used: processes that got packets. max/mean: packets of the busiest process over the mean. cause: of most split flows, or why nothing is shown.',
      '',
      style,
    ).map((line) => paint(line, 'dim', style)),
  ];
}

function rowOf(run: RunResult): readonly string[] {
  const { group, verdict, flows, order, balance, packets } = run;
  return [
    labelOf(group),
    WORDS[verdict.answer].word,
    grouped(flows.twoWay),
    grouped(flows.split),
    grouped(flows.asymmetric),
    grouped(flows.duplicated),
    order.checked === 0 ? '-' : grouped(order.inversions),
    `${balance.membersUsed}/${group.procs}`,
    balance.maxOverMean.toFixed(2),
    grouped(packets.dropped),
    causeOf(run),
  ];
}

function causeOf({ verdict, causes }: RunResult): string {
  if (verdict.answer === 'yes') return '';
  const code = verdict.answer === 'no' ? causes.find(({ harmless }) => !harmless)?.code : undefined;
  return printable(code ?? verdict.reasons[0]?.code ?? '');
}

function leftOut({ leftOut: untested }: ComparisonResult, style: Style): readonly string[] {
  if (untested.length === 0) return [];
  return [
    'Not tested',
    ...untested.flatMap(({ reason, ...group }) => advice({ ...reason, code: `${labelOf(group)}: ${reason.code}` }, '  ', style)),
  ];
}

function ownLoad({ ownLoad: load }: ComparisonResult, style: Style): readonly string[] {
  return load === undefined ? [] : ownLoadLines(load, style);
}

function warnings({ warnings: all }: ComparisonResult, style: Style): readonly string[] {
  return all.length === 0 ? [] : ['Warnings', ...all.flatMap((warning) => advice(warning, '  ', style))];
}

function ofRuns(result: ComparisonResult, style: Style): readonly string[] {
  const all = warningsOfRuns(result);
  if (all.length === 0) return [];
  return [
    'Warnings of single modes',
    ...all.flatMap(({ labels, ...warning }) => advice({ ...warning, code: `${labels}: ${warning.code}` }, '  ', style)),
  ];
}

function why({ recommendation }: ComparisonResult, style: Style): readonly string[] {
  return ['Why', ...recommendation.reasons.flatMap((reason) => advice(reason, '  ', style))];
}

function lines({ recommendation }: ComparisonResult): readonly string[] {
  if (recommendation.lines === undefined) return [];
  const { suricata, zeek, snort } = recommendation.lines;
  return [...titled('suricata.yaml', suricata), '', ...titled('node.cfg of Zeek', zeek), '', ...titled('Snort 3', snort)];
}

function titled(title: string, text: readonly string[]): readonly string[] {
  return [title, ...text.map((line) => `  ${printable(line)}`)];
}

function closing(
  { recommendation: { answer, group, reasons }, runs, leftOut: untested }: ComparisonResult,
  style: Style,
): readonly string[] {
  const text =
    reasons[0]?.code === 'interrupted'
      ? interruptedText(runs, untested)
      : group === undefined
        ? 'Use none of these modes on this evidence.'
        : SENTENCES[answer](labelOf(group));
  return wrap(text, '', style).map((line) => paint(line, WORDS[answer].color, style));
}

function interruptedText(runs: readonly RunResult[], untested: ComparisonResult['leftOut']): string {
  const labels = untested.map((group) => labelOf(group));
  const tested = runs.filter(({ group }) => !labels.includes(labelOf(group))).length;
  const testedText = `${tested} of ${askedModes(runs, untested)} modes ${tested === 1 ? 'was' : 'were'} tested`;
  return `No mode can be recommended: a signal ended the comparison when ${testedText}.`;
}

const SENTENCES: Readonly<Record<Answer, (label: string) => string>> = {
  yes: (label) => `Use ${label}.`,
  no: (label) => `No mode is safe here; ${label} does least harm.`,
  inconclusive: () => 'No mode can be recommended on this evidence.',
};
