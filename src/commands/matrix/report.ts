/** MatrixResult to text for people: the table, and what it says about each mode. Decides nothing. */

import { grouped, joinSections, type Paint, paint, type Style, seconds, wrap } from '../../collector/report/layout.ts';
import { advice, namedInShort } from '../../collector/report/parts.ts';
import { printable } from '../../collector/report/printable.ts';
import { CAUSES, isCauseCode } from '../../model/cause.ts';
import { type FanoutMode, flowPromise, labelOf } from '../../model/fanout.ts';
import type { Reason } from '../../model/run-result.ts';
import { type MatrixCell, type MatrixResult, type MatrixRun, OUTCOMES, type Outcome } from './result.ts';

export function renderMatrix(result: MatrixResult, style: Style): string {
  const ran = ofModesThatRan(result);
  return joinSections([headline(result, style), ...tables(ran, style), legend(ran, style), ...conclusions(result, style)]);
}

/** A line for each mode, and what is safe: what --quiet leaves. */
export function renderMatrixBrief(result: MatrixResult, style: Style): string {
  const { runs, cells } = ofModesThatRan(result);
  const modes = runs.flatMap((run, index) => modeInShort(run, cellsOfRun(cells, runs.length, index), style));
  const doubted = result.runs.flatMap((run) => [...new Set(run.doubts.map(({ code }) => `${labelOf(run)}: ${code}`))]);
  return joinSections([[...modes, ...namedInShort('Doubts', doubted, style)], closing(result, style)]);
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

function headline(result: MatrixResult, style: Style): readonly string[] {
  const { runs, cells, procs, flowsPerClass, host, source, durationMs } = result;
  const ran = ofModesThatRan(result).runs.length;
  const text = `${classesText(cells.length / runs.length)}, ${grouped(flowsPerClass)} flows of each, ${modesText(ran, runs.length)}, ${procs} processes, Linux ${printable(host.kernel)}, ${seconds(durationMs)}, sent by ${printable(source.injection ?? source.kind)}, seed ${source.seed ?? 'unknown'}`;
  return wrap(text, '', style);
}

// ---- the table

/** How much a cell says: from "split 83/96 tunnel-outer-only" to "split". */
type Detail = 'cause' | 'count' | 'word';

const WORDS: Readonly<Record<Outcome, { readonly long: string; readonly short: string; readonly color?: Paint }>> = {
  kept: { long: 'kept', short: 'kept', color: 'green' },
  split: { long: 'split', short: 'split', color: 'red' },
  duplicated: { long: 'duplicated', short: 'dupl', color: 'red' },
  apart: { long: 'apart', short: 'apart', color: 'yellow' },
  'one-member': { long: 'one member', short: 'one', color: 'yellow' },
  'no-flows': { long: 'no flows', short: 'many', color: 'dim' },
  'few-flows': { long: 'few flows', short: 'few', color: 'yellow' },
  doubtful: { long: 'doubtful', short: 'doubt', color: 'yellow' },
  'not-run': { long: 'not run', short: 'not run', color: 'yellow' },
};

function cellText(cell: MatrixCell, detail: Detail): string {
  const { long, short } = WORDS[cell.outcome];
  if (detail === 'word') return short;
  const parted = cell.split + cell.asymmetric + cell.duplicated;
  const words = parted === 0 ? [long] : [long, `${parted}/${cell.flows}`];
  const isExplained = detail === 'cause' && cell.cause !== undefined;
  return (isExplained ? [...words, printable(cell.cause)] : words).join(' ');
}

/** A column of the table: heading lines and a text for each class. */
interface Column {
  readonly heading: readonly string[];
  readonly texts: readonly string[];
  readonly colors: readonly (Paint | undefined)[];
  readonly width: number;
}

/** One table where it fits, with as much in its cells as there is room for; else one below the other. */
function tables(result: MatrixResult, style: Style): readonly (readonly string[])[] {
  const names = column(['class'], classesOf(result));
  for (const detail of ['cause', 'count', 'word'] as const) {
    const columns = result.runs.map((_, index) => modeColumn(result, index, detail));
    const gap = gapOf(detail);
    if (widthOf([names, ...columns], gap) <= style.width) return [renderTable(names, columns, gap, style)];
  }
  const columns = result.runs.map((_, index) => modeColumn(result, index, 'word'));
  return blocksOf(names, columns, style).map((block) => renderTable(names, block, gapOf('word'), style));
}

/** A narrow table has no room to waste. */
function gapOf(detail: Detail): number {
  return detail === 'word' ? 1 : 2;
}

function classesOf({ cells, runs }: MatrixResult): readonly string[] {
  return cells.filter((_, i) => i % runs.length === 0).map((cell) => printable(cell.class));
}

function column(heading: readonly string[], texts: readonly string[], colors: readonly (Paint | undefined)[] = []): Column {
  return { heading, texts, colors, width: Math.max(...[...heading, ...texts].map((text) => text.length)) };
}

function modeColumn({ cells, runs }: MatrixResult, index: number, detail: Detail): Column {
  const run = runs[index];
  const label = run === undefined ? '' : labelOf(run);
  const own = cells.filter((_, i) => i % runs.length === index);
  // In a narrow table the flags stand under their mode.
  const heading = detail === 'word' ? label.split(/(?=\+)/) : [label];
  return column(
    heading,
    own.map((cell) => cellText(cell, detail)),
    own.map(({ outcome }) => WORDS[outcome].color),
  );
}

function widthOf(columns: readonly Column[], gap: number): number {
  return columns.reduce((sum, { width }) => sum + width, 0) + gap * (columns.length - 1);
}

/** As many columns as fit beside the names, and at least one, however narrow the terminal is. */
function blocksOf(names: Column, columns: readonly Column[], { width }: Style): readonly (readonly Column[])[] {
  const blocks: Column[][] = [];
  for (const next of columns) {
    const block = blocks.at(-1);
    if (block !== undefined && widthOf([names, ...block, next], gapOf('word')) <= width) block.push(next);
    else blocks.push([next]);
  }
  return blocks;
}

function renderTable(names: Column, columns: readonly Column[], gap: number, style: Style): readonly string[] {
  const all = [names, ...columns];
  const headings = Math.max(...all.map(({ heading }) => heading.length));
  const line = (text: (column: Column) => string, color: (column: Column) => Paint | undefined) =>
    all
      .map((one, i) => {
        const isLast = i === all.length - 1;
        const shade = color(one);
        const padding = isLast ? '' : ' '.repeat(one.width - text(one).length + gap);
        return (shade === undefined || text(one) === '' ? text(one) : paint(text(one), shade, style)) + padding;
      })
      .join('')
      .trimEnd();
  return [
    ...Array.from({ length: headings }, (_, row) =>
      line(
        ({ heading }) => heading[row] ?? '',
        () => 'bold',
      ),
    ),
    ...names.texts.map((_, row) =>
      line(
        ({ texts }) => texts[row] ?? '',
        ({ colors }) => colors[row],
      ),
    ),
  ];
}

/** The words that the table uses, each once. */
function legend({ cells }: MatrixResult, style: Style): readonly string[] {
  const used = Object.keys(OUTCOMES).filter((name): name is Outcome => cells.some(({ outcome }) => outcome === name));
  const terms = used.map((outcome) => {
    const { long, short } = WORDS[outcome];
    return { term: long === short ? long : `${short}, ${long}`, meaning: OUTCOMES[outcome] };
  });
  const width = Math.max(...terms.map(({ term }) => term.length));
  return terms.flatMap(({ term, meaning }) => wrap(meaning, `${term.padEnd(width)}  `, style));
}

// ---- what it says

function conclusions(result: MatrixResult, style: Style): readonly (readonly string[])[] {
  const ran = ofModesThatRan(result);
  const summaries = ran.runs.map((run, index) => modeSummary(run, cellsOfRun(ran.cells, ran.runs.length, index), style));
  return [...summaries, notRun(result, style), causes(result, style), doubts(ran, style), closing(result, style)];
}

/** Modes of which nothing is known, by the reason. */
function notRun(result: MatrixResult, style: Style): readonly string[] {
  const { runs: ran } = ofModesThatRan(result);
  const byReason = new Map<string, { readonly why: Reason; readonly labels: string[] }>();
  for (const run of result.runs.filter((one) => !ran.includes(one))) {
    const why = run.doubts[0] ?? { code: 'unknown', message: 'nothing is known of it' };
    const entry = byReason.get(`${why.code} ${why.message}`) ?? { why, labels: [] };
    byReason.set(`${why.code} ${why.message}`, entry);
    entry.labels.push(labelOf(run));
  }
  return [...byReason.values()].flatMap(({ why, labels }) => [
    ...wrap(`${labels.join(', ')}: not run`, '', style).map((line) => paint(line, 'bold', style)),
    ...advice(why, '  ', style),
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
function modeInShort(run: MatrixRun, own: readonly MatrixCell[], style: Style): readonly string[] {
  const counts = Object.keys(OUTCOMES)
    .filter((name): name is Outcome => own.some(({ outcome }) => outcome === name))
    .map((outcome) => `${WORDS[outcome].long} ${own.filter((cell) => cell.outcome === outcome).length}`);
  return wrap(`${counts.join(', ')} of ${classesText(own.length)}`, `${labelOf(run)}: `, style);
}

function modeSummary(run: MatrixRun, own: readonly MatrixCell[], style: Style): readonly string[] {
  const groups = groupsOf(own);
  const total = own.length;
  return [
    ...wrap(`${labelOf(run)}: ${promiseText(run.mode)}`, '', style).map((line) => paint(line, 'bold', style)),
    ...groups.flatMap(({ outcome, cause, classes }) => {
      const why = cause === undefined ? '' : ` (${printable(cause)})`;
      const isSaid = outcome === 'kept' || classes.length === total || classes.length > NAMES_MAX;
      const names = isSaid ? '' : `: ${classes.join(', ')}`;
      return wrap(`${classes.length} of ${total}${why}${names}`, `  ${WORDS[outcome].long.padEnd(10)}  `, style);
    }),
  ];
}

function promiseText(mode: FanoutMode): string {
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
    group.classes.push(printable(name));
  }
  const order = Object.keys(OUTCOMES);
  return [...groups.values()].sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome) || b.classes.length - a.classes.length);
}

function doubts({ runs }: MatrixResult, style: Style): readonly string[] {
  const lines = runs.flatMap((run) =>
    run.doubts.flatMap(({ code, message, remedy }) => [
      ...wrap(`${labelOf(run)}: ${printable(code)}: ${printable(message)}`, '  ', style),
      ...(remedy === undefined ? [] : wrap(printable(remedy), '    -> ', style)),
    ]),
  );
  return lines.length === 0 ? [] : ['Doubts', ...lines];
}

/** Of modes that promise affinity: why it was broken here, or proved nothing. */
function causes({ cells }: MatrixResult, style: Style): readonly string[] {
  const promised = cells.filter(({ mode }) => flowPromise(mode) === 'affinity');
  const codes = [...new Set(promised.flatMap(({ cause }) => (cause === undefined ? [] : [cause])))].filter(isCauseCode);
  return codes.length === 0 ? [] : ['Causes', ...codes.flatMap((code) => wrap(`${code}: ${CAUSES[code].summary}`, '  ', style))];
}

/**
 * What is safe here: of the modes that ran and promise affinity, the one that parted fewest kinds of traffic and kept most. A mode whose run
 * was spoilt has split few only because little of it is known: it ranks behind all of which more is.
 */
function closing(result: MatrixResult, style: Style): readonly string[] {
  const { runs, cells } = ofModesThatRan(result);
  const tested = testedText(runs.length, result.runs.length);
  const [best] = runs
    .map((run, index) => ({ run, own: cellsOfRun(cells, runs.length, index) }))
    .filter(({ run }) => flowPromise(run.mode) === 'affinity')
    .map(({ run, own }) => ({
      label: labelOf(run),
      total: own.length,
      kept: count(own, 'yes'),
      parted: count(own, 'no'),
      open: doubtful(own),
    }))
    .sort((a, b) => a.open + a.parted - (b.open + b.parted) || b.kept - a.kept);
  const kernel = `Linux ${printable(result.host.kernel)}${tested}`;
  if (best === undefined)
    return wrap(`No mode was measured that promises to keep flows together${tested}: include hash in --modes.`, '', style);
  const { label, total, kept, parted, open } = best;
  if (kept === 0 && open > 0)
    return wrap(`Nothing is shown to be safe on ${kernel}: what was measured of mode ${label} is in doubt.`, '', style);
  if (kept === 0) return wrap(`Nothing is shown to be safe on ${kernel}: mode ${label} kept none of ${classesText(total)}.`, '', style);
  const rest = `${parted === 0 ? 'It split none.' : `It split ${parted}.`}${open === 0 ? '' : ` Of ${open} nothing is shown.`}`;
  const safe = `Safe on ${kernel}: mode ${label} for ${kept} of ${classesText(total)}, each flow of which it kept on one process. ${rest}`;
  return wrap(safe, '', style).map((line) => paint(line, 'bold', style));
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
