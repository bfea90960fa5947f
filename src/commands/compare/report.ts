/** A comparison as a report: one table, what to use and why, and the lines to paste. Decides nothing. */

import {
  type Document,
  findingBlock,
  findingsTitled,
  namedInShort,
  type Paragraph,
  paragraph,
  type Section,
  type Table,
  type Tone,
} from '../../collector/report/document.ts';
import { grouped, seconds } from '../../collector/words/english.ts';
import { labelOf } from '../../model/fanout.ts';
import type { Answer, Reason, RunResult } from '../../model/run-result.ts';
import { deploymentSections } from '../deployed-report.ts';
import { ownLoadSection } from './own-load-report.ts';
import type { ComparisonResult } from './result.ts';

export function comparisonDocument(result: ComparisonResult): Document {
  const { leftOut, ownLoad, warnings } = result;
  return {
    sections: [
      { blocks: [headline(result)] },
      { blocks: [modes(result)] },
      { blocks: [paragraph(LEGEND, { tone: 'quiet' })] },
      ...(leftOut.length === 0
        ? []
        : [
            {
              title: 'Not tested',
              blocks: leftOut.map(({ reason, ...group }) => findingBlock(reason, `${labelOf(group)}: ${reason.code}`)),
            },
          ]),
      ...(ownLoad === undefined ? [] : [ownLoadSection(ownLoad)]),
      ...findingsTitled('Warnings', warnings),
      ...ofRuns(result),
      ...deploymentSections(result.deployment),
      why(result),
      ...lines(result),
      { blocks: [closing(result)] },
    ],
  };
}

/** Only what to use and why, and the names of all that speaks against it: what --quiet leaves. */
export function comparisonBrief(result: ComparisonResult): Document {
  return { sections: [why(result), { blocks: inShort(result) }, { blocks: [closing(result)] }] };
}

function inShort(result: ComparisonResult): readonly Paragraph[] {
  const { leftOut: untested, warnings: all } = result;
  return [
    ...namedInShort(
      'Not tested',
      untested.map(({ reason, ...group }) => `${labelOf(group)} (${reason.code})`),
    ),
    ...all.map(({ code, message }) => paragraph(`${code}: ${message}`)),
    ...namedInShort(
      'Warnings',
      warningsOfRuns(result).map(({ code, labels }) => `${code} (${labels})`),
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

function headline(result: ComparisonResult): Paragraph {
  const { runs, leftOut: untested, procs, source, host, durationMs, packets } = result;
  const where = source.kind === 'live' ? `on ${source.interface}` : 'in the lab';
  const parts = [
    `${runs.length} ${runs.length === 1 ? 'mode' : 'modes'}${restText(runs, untested)} on ${packets === 'same' ? 'the same packets' : 'the same traffic, one after the other'}`,
    `${procs} processes each`,
    `${where}, Linux ${host.kernel}`,
    seconds(durationMs),
    ...(source.pcap === undefined ? [] : [`replaying ${source.pcap}`]),
    ...(source.nic === undefined ? [] : [`simulated NIC ${source.nic}`]),
    ...(source.seed === undefined ? [] : [`seed ${source.seed}`]),
  ];
  return paragraph(parts.join(', '));
}

function restText(runs: readonly RunResult[], untested: ComparisonResult['leftOut']): string {
  return untested.length === 0 ? '' : ` of ${askedModes(runs, untested)}`;
}

function askedModes(runs: readonly RunResult[], untested: ComparisonResult['leftOut']): number {
  return new Set([...untested.map((group) => labelOf(group)), ...runs.map(({ group }) => labelOf(group))]).size;
}

const WORDS: Readonly<Record<Answer, { readonly word: string; readonly tone: Tone }>> = {
  yes: { word: 'YES', tone: 'good' },
  no: { word: 'NO', tone: 'bad' },
  inconclusive: { word: 'unknown', tone: 'doubtful' },
};

const HEADINGS = ['mode', 'answer', 'flows', 'split', 'asym', 'dupl', 'disorder', 'used', 'max/mean', 'drops', 'cause'] as const;

const LEGEND =
  'flows: seen in both directions. disorder: packets that reached their process after later ones of their flow. used: processes that got packets. max/mean: packets of the busiest process over the mean. cause: of most split flows, or why nothing is shown.';

function modes({ runs }: ComparisonResult): Table {
  return {
    kind: 'table',
    head: HEADINGS,
    rows: runs.map(rowOf),
    left: [0, 1, 10],
    isHeadStrong: true,
    tones: runs.map(({ verdict }) => WORDS[verdict.answer]),
  };
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
  return code ?? verdict.reasons[0]?.code ?? '';
}

function ofRuns(result: ComparisonResult): readonly Section[] {
  const all = warningsOfRuns(result);
  if (all.length === 0) return [];
  return [
    { title: 'Warnings of single modes', blocks: all.map(({ labels, ...warning }) => findingBlock(warning, `${labels}: ${warning.code}`)) },
  ];
}

function why({ recommendation }: ComparisonResult): Section {
  return { title: 'Why', blocks: recommendation.reasons.map((reason) => findingBlock(reason)) };
}

/** To be pasted. */
function lines({ recommendation }: ComparisonResult): readonly Section[] {
  if (recommendation.lines === undefined) return [];
  const { suricata, zeek, snort } = recommendation.lines;
  const titled = (title: string, text: readonly string[]): Section => ({
    title,
    blocks: text.map((line) => paragraph(line, { isUnbroken: true })),
  });
  return [titled('suricata.yaml', suricata), titled('node.cfg of Zeek', zeek), titled('Snort 3', snort)];
}

function closing({ recommendation: { answer, group, reasons }, runs, leftOut: untested }: ComparisonResult): Paragraph {
  const text =
    reasons[0]?.code === 'interrupted'
      ? interruptedText(runs, untested)
      : group === undefined
        ? 'Use none of these modes on this evidence.'
        : SENTENCES[answer](labelOf(group));
  return paragraph(text, { tone: WORDS[answer].tone });
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
