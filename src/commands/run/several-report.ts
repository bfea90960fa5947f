/** The groups of a deployment as a report: the answer of all, a table, and the report of each. Decides nothing. */
import {
  type Document,
  findingBlock,
  type Paragraph,
  paragraph,
  type Section,
  type Table,
  type Tone,
} from '../../collector/report/document.ts';
import { counted, processes, seconds } from '../../collector/words/english.ts';
import { type GroupName, labelOf } from '../../model/fanout.ts';
import type { Answer, RunResult } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';
import { runBrief, runDocument } from './report.ts';
import { deviceOf, type LeftOutGroup, type SeveralResult } from './several-result.ts';

export function groupTitle(options: Pick<Options, 'source' | 'deployment'> & GroupName): string {
  return `${labelOf(options)} on ${deviceOf(options)}`;
}

export function severalDocument(result: SeveralResult): Document {
  const each = result.runs.flatMap((run): readonly Section[] => [{ title: titleOf(run), blocks: [] }, ...runDocument(run).sections]);
  return {
    sections: [{ blocks: [headline(result)] }, { blocks: [table(result)] }, ...leftOut(result), ...each, { blocks: [closing(result)] }],
  };
}

export function severalBrief(result: SeveralResult): Document {
  const each = result.runs.flatMap((run) => [{ blocks: [paragraph(`${titleOf(run)}:`)] }, ...runBrief(run).sections]);
  return { sections: [...each, ...leftOut(result), { blocks: [closing(result)] }], isBrief: true };
}

function titleOf(run: RunResult): string {
  return `${labelOf(run.group)} on ${deviceIn(run)}`;
}

function deviceIn({ source, deployment }: RunResult): string {
  return source.kind === 'live' ? source.interface : (deployment?.interface ?? source.interface);
}

const WORDS: Readonly<Record<Answer, { readonly word: string; readonly tone: Tone }>> = {
  yes: { word: 'YES!', tone: 'good' },
  no: { word: 'NO', tone: 'bad' },
  inconclusive: { word: 'INCONCLUSIVE', tone: 'doubtful' },
};

const SENTENCES: Readonly<Record<Answer, (groups: string) => string>> = {
  yes: (groups) => `Yes: ${groups === '1 group' ? 'the one group' : `all ${groups}`} kept both directions of every flow together.`,
  no: (groups) => `No: of ${groups}, not all kept both directions of every flow together.`,
  inconclusive: (groups) => `Inconclusive: it is not shown of all ${groups} that they keep flows together.`,
};

function headline({ answer, runs, leftOut: others, host, durationMs }: SeveralResult): Paragraph {
  const groups = counted(runs.length + others.filter(({ isNoGroup }) => isNoGroup !== true).length, 'group');
  return paragraph(`${SENTENCES[answer](groups)} Linux ${host.kernel}, ${seconds(durationMs)}`, { tone: WORDS[answer].tone });
}

function table({ runs, leftOut: others }: SeveralResult): Table {
  const tested = runs.map((run) => [deviceIn(run), labelOf(run.group), processes(run.group.procs), run.verdict.answer]);
  const untested = others.map(({ interface: device, group, reason }) => [device, labelOf(group), '-', reason.code]);
  return { kind: 'table', head: ['interface', 'mode', 'group', 'answer'], rows: [...tested, ...untested], left: [0, 1, 2, 3] };
}

function leftOut({ leftOut: others }: SeveralResult): readonly Section[] {
  if (others.length === 0) return [];
  const label = ({ interface: device, group, reason }: LeftOutGroup): string => `${labelOf(group)} on ${device}: ${reason.code}`;
  return [{ title: 'Not tested', blocks: others.map((one) => findingBlock(one.reason, label(one))) }];
}

function closing({ answer }: SeveralResult): Paragraph {
  const { word, tone } = WORDS[answer];
  return paragraph(word, { tone, isUnbroken: true });
}
