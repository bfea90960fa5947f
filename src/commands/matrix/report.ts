/** A survey as a report: the table, and what it says about each mode. Decides nothing. */

import {
  type Document,
  findingBlock,
  type HeatCell,
  type HeatMap,
  namedInShort,
  type Paragraph,
  paragraph,
  type Section,
  type Terms,
  type Tone,
} from '../../collector/report/document.ts';
import { grouped, seconds } from '../../collector/words/english.ts';
import { builtinRow } from '../../model/builtin.ts';
import { CAUSES, isCauseCode } from '../../model/cause.ts';
import { type FanoutMode, flowPromise, labelOf, promiseOf } from '../../model/fanout.ts';
import type { Reason } from '../../model/run-result.ts';
import { type MatrixCell, type MatrixResult, type MatrixRun, OUTCOMES, type Outcome } from './result.ts';

export function matrixDocument(result: MatrixResult): Document {
  const ran = ofModesThatRan(result);
  return {
    sections: [
      { blocks: [headline(result)] },
      { blocks: [heatMap(ran)] },
      { blocks: [legend(ran)] },
      ...ran.runs.map((run, index) => modeSummary(run, cellsOfRun(ran.cells, ran.runs.length, index))),
      { blocks: notRun(result) },
      { blocks: byReason(result.leftOut) },
      ...causes(result),
      ...doubts(ran),
      { blocks: [closing(result)] },
    ],
  };
}

/** A line for each mode, and what is safe: what --quiet leaves. */
export function matrixBrief(result: MatrixResult): Document {
  const { runs, cells } = ofModesThatRan(result);
  const modes = runs.map((run, index) => modeInShort(run, cellsOfRun(cells, runs.length, index)));
  const doubted = result.runs.flatMap((run) => [...new Set(run.doubts.map(({ code }) => `${labelOf(run)}: ${code}`))]);
  const untested = result.leftOut.map(({ reason, ...group }) => `${labelOf(group)} (${reason.code})`);
  const names = [...namedInShort('Not tested', untested), ...namedInShort('Doubts', doubted)];
  return { sections: [{ blocks: [...modes, ...names] }, { blocks: [closing(result)] }] };
}

/** What was not run has no columns. */
function ofModesThatRan(result: MatrixResult): MatrixResult {
  const { runs, cells } = result;
  const isRun = (index: number) => cells[index]?.outcome !== 'not-run';
  return { ...result, runs: runs.filter((_, index) => isRun(index)), cells: cells.filter((_, i) => isRun(i % runs.length)) };
}

function cellsOfRun(cells: readonly MatrixCell[], runs: number, index: number): readonly MatrixCell[] {
  return cells.filter((_, i) => i % runs === index);
}

function modesText(ran: number, asked: number): string {
  const of = ran === asked ? '' : ` of ${asked}`;
  return `${ran}${of} ${asked === 1 ? 'mode' : 'modes'}`;
}

function headline(result: MatrixResult): Paragraph {
  const { runs, cells, procs, flowsPerClass, host, source, durationMs } = result;
  const ran = ofModesThatRan(result).runs.length;
  return paragraph(
    `${classesText(cells.length / runs.length)}, ${grouped(flowsPerClass)} flows of each, ${modesText(ran, runs.length)}, ${procs} processes, Linux ${host.kernel}, ${seconds(durationMs)}, sent by ${source.injection ?? source.kind}, seed ${source.seed ?? 'unknown'}`,
  );
}

// ---- the table

const WORDS: Readonly<Record<Outcome, { readonly long: string; readonly short: string; readonly tone?: Tone }>> = {
  kept: { long: 'kept', short: 'kept', tone: 'good' },
  split: { long: 'split', short: 'split', tone: 'bad' },
  duplicated: { long: 'duplicated', short: 'dupl', tone: 'bad' },
  apart: { long: 'apart', short: 'apart', tone: 'doubtful' },
  'one-member': { long: 'one member', short: 'one', tone: 'doubtful' },
  'no-flows': { long: 'no flows', short: 'many', tone: 'quiet' },
  'few-flows': { long: 'few flows', short: 'few', tone: 'doubtful' },
  doubtful: { long: 'doubtful', short: 'doubt', tone: 'doubtful' },
  'not-run': { long: 'not run', short: 'not run', tone: 'doubtful' },
};

function heatMap({ cells, runs }: MatrixResult): HeatMap {
  return {
    kind: 'heat-map',
    heading: 'class',
    names: cellsOfRun(cells, runs.length, 0).map((cell) => cell.class),
    columns: runs.map((run, index) => ({ label: labelOf(run), cells: cellsOfRun(cells, runs.length, index).map(heatCell) })),
  };
}

/** From "split 83/96 tunnel-outer-only" to "split". */
function heatCell(cell: MatrixCell): HeatCell {
  const { long, short, tone } = WORDS[cell.outcome];
  const split = cell.split + cell.asymmetric + cell.duplicated;
  const count = split === 0 ? long : `${long} ${split}/${cell.flows}`;
  return {
    cause: cell.cause === undefined ? count : `${count} ${cell.cause}`,
    count,
    word: short,
    ...(tone === undefined ? {} : { tone }),
  };
}

/** The words that the table uses, each once. */
function legend({ cells }: MatrixResult): Terms {
  const used = Object.keys(OUTCOMES).filter((name): name is Outcome => cells.some(({ outcome }) => outcome === name));
  return {
    kind: 'terms',
    terms: used.map((outcome) => {
      const { long, short } = WORDS[outcome];
      return { term: long === short ? long : `${short}, ${long}`, meaning: OUTCOMES[outcome] };
    }),
  };
}

// ---- what it says

/** Modes of which nothing is known, by the reason. */
function notRun(result: MatrixResult): Section['blocks'] {
  const { runs: ran } = ofModesThatRan(result);
  const others = result.runs.filter((one) => !ran.includes(one));
  return byReason(others.map((run) => ({ ...run, reason: run.doubts[0] ?? { code: 'unknown', message: 'nothing is known of it' } })));
}

function byReason(modes: MatrixResult['leftOut']): Section['blocks'] {
  const found = new Map<string, { readonly why: Reason; readonly labels: string[] }>();
  for (const { reason: why, ...group } of modes) {
    const entry = found.get(`${why.code} ${why.message}`) ?? { why, labels: [] };
    found.set(`${why.code} ${why.message}`, entry);
    entry.labels.push(labelOf(group));
  }
  return [...found.values()].flatMap(({ why, labels }) => [
    paragraph(`${labels.join(', ')}: not run`, { tone: 'strong' }),
    { ...findingBlock(why), isSetIn: true },
  ]);
}

/** Beyond so many classes a list of their names says less than their number. */
const NAMES_MAX = 16;

interface Group {
  readonly outcome: Outcome;
  readonly cause?: string;
  readonly classes: string[];
}

/** "hash: kept 80, split 20, one member 17 of 117" */
function modeInShort(run: MatrixRun, own: readonly MatrixCell[]): Paragraph {
  const counts = Object.keys(OUTCOMES)
    .filter((name): name is Outcome => own.some(({ outcome }) => outcome === name))
    .map((outcome) => `${WORDS[outcome].long} ${own.filter((cell) => cell.outcome === outcome).length}`);
  return paragraph(`${counts.join(', ')} of ${classesText(own.length)}`, { lead: `${labelOf(run)}: ` });
}

function modeSummary(run: MatrixRun, own: readonly MatrixCell[]): Section {
  const total = own.length;
  return {
    blocks: [
      paragraph(`${labelOf(run)}: ${promiseText(run)}`, { tone: 'strong' }),
      ...groupsOf(own).map(({ outcome, cause, classes }) => {
        const why = cause === undefined ? '' : ` (${cause})`;
        const isSaid = outcome === 'kept' || classes.length === total || classes.length > NAMES_MAX;
        const names = isSaid ? '' : `: ${classes.join(', ')}`;
        return paragraph(`${classes.length} of ${total}${why}${names}`, { lead: `  ${WORDS[outcome].long.padEnd(10)}  ` });
      }),
    ],
  };
}

function promiseText({ mode, builtin }: MatrixRun): string {
  if (builtin !== undefined) return builtinRow(builtin).promise;
  switch (flowPromise(mode)) {
    case 'affinity':
      return 'promises to keep flows together';
    case 'spread':
      return 'promises an even spread, and to keep nothing together';
    case 'conditional':
      return CONDITIONS[mode] ?? 'keeps flows together under conditions';
  }
}

const CONDITIONS: Readonly<Partial<Record<FanoutMode, string>>> = {
  cpu: 'follows the CPU that receives; the lab receives on one',
  qm: 'follows the receive queue; the lab puts both directions of a flow on one queue, and your NIC may not',
  rollover: 'stays on one process until its ring is full, then moves everything',
};

/** Classes by what became of them and why, in the order of OUTCOMES, large groups first. */
function groupsOf(cells: readonly MatrixCell[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { outcome, cause, class: name } of cells) {
    const key = `${outcome} ${cause ?? ''}`;
    const group = groups.get(key) ?? { outcome, ...(cause === undefined ? {} : { cause }), classes: [] };
    groups.set(key, group);
    group.classes.push(name);
  }
  const order = Object.keys(OUTCOMES);
  return [...groups.values()].sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome) || b.classes.length - a.classes.length);
}

function doubts({ runs }: MatrixResult): readonly Section[] {
  const blocks = runs.flatMap((run) => run.doubts.map((doubt) => findingBlock(doubt, `${labelOf(run)}: ${doubt.code}`)));
  return blocks.length === 0 ? [] : [{ title: 'Doubts', blocks }];
}

/** Of modes that promise affinity: why it was broken here, or proved nothing. */
function causes({ cells }: MatrixResult): readonly Section[] {
  const promised = cells.filter((cell) => promiseOf(cell) === 'affinity');
  const codes = [...new Set(promised.flatMap(({ cause }) => (cause === undefined ? [] : [cause])))].filter(isCauseCode);
  return codes.length === 0 ? [] : [{ title: 'Causes', blocks: codes.map((code) => paragraph(`${code}: ${CAUSES[code].summary}`)) }];
}

/**
 * What is safe here: of the modes that ran and promise affinity, the one that split fewest kinds of traffic and kept most. A mode whose run
 * was spoilt has split few only because little of it is known: it ranks behind all of which more is.
 */
function closing(result: MatrixResult): Paragraph {
  const { runs, cells } = ofModesThatRan(result);
  const tested = testedText(runs.length, result.runs.length);
  const [best] = runs
    .map((run, index) => ({ run, own: cellsOfRun(cells, runs.length, index) }))
    .filter(({ run }) => promiseOf(run) === 'affinity')
    .map(({ run, own }) => ({
      label: labelOf(run),
      total: own.length,
      kept: count(own, 'yes'),
      split: count(own, 'no'),
      open: doubtful(own),
    }))
    .sort((a, b) => a.open + a.split - (b.open + b.split) || b.kept - a.kept);
  const kernel = `Linux ${result.host.kernel}${tested}`;
  if (best === undefined) return paragraph(`No mode was measured that promises to keep flows together${tested}: include hash in --modes.`);
  const { label, total, kept, split, open } = best;
  if (kept === 0 && open > 0) return paragraph(`Nothing is shown to be safe on ${kernel}: what was measured of mode ${label} is in doubt.`);
  if (kept === 0) return paragraph(`Nothing is shown to be safe on ${kernel}: mode ${label} kept none of ${classesText(total)}.`);
  const rest = `${split === 0 ? 'It split none.' : `It split ${split}.`}${open === 0 ? '' : ` Of ${open} nothing is shown.`}`;
  const safe = `Safe on ${kernel}: mode ${label} for ${kept} of ${classesText(total)}, each flow of which it kept on one process. ${rest}`;
  return paragraph(safe, { tone: 'strong' });
}

function testedText(ran: number, asked: number): string {
  return ran === asked ? '' : `, of ${ran} ${ran === 1 ? 'mode' : 'modes'} tested (${asked - ran} not run)`;
}

function doubtful(cells: readonly MatrixCell[]): number {
  return cells.filter(({ outcome }) => outcome === 'doubtful').length;
}

function classesText(classes: number): string {
  return `${grouped(classes)} ${classes === 1 ? 'class' : 'classes'} of traffic`;
}

function count(cells: readonly MatrixCell[], answer: MatrixCell['answer']): number {
  return cells.filter((cell) => cell.answer === answer).length;
}
