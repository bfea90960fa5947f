/** Rows as text for people. Pure. */
import type { Measured, Row } from './row.ts';
import { distance, type Goal, spreadOf } from './spread.ts';

const HEADER = ['', 'unit', 'min', 'median', 'max', 'must', 'stretch'];

export function renderTable(rows: readonly Row[]): string {
  const groups = [...new Set(rows.map((row) => row.group))];
  const lines = groups.flatMap((group) => [[group], ...rows.filter((row) => row.group === group).map(cells)]);
  const widths = HEADER.map((title, i) =>
    Math.max(title.length, ...lines.filter((line) => line.length > 2).map((line) => line[i]?.length ?? 0)),
  );
  const align = (line: readonly string[]): string =>
    line.length <= 2
      ? line.join(': ')
      : line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return [HEADER, ...lines].map((line) => align(line).trimEnd()).join('\n');
}

function cells(row: Row): readonly string[] {
  if (row.kind === 'missing') return [`  ${row.name}`, `not measured, ${row.reason}`];
  const { min, median, max } = spreadOf(row.samples);
  const { goal } = row;
  const against = (target: 'must' | 'stretch'): string => (goal === undefined ? '' : verdict(median, goal[target], goal));
  return [`  ${row.name}`, row.unit, number(min), number(median), number(max), against('must'), against('stretch')];
}

/** "2.2 met (x0.64)": the target, and the median as a multiple of it in the direction that counts; above x1 it is missed. */
function verdict(value: number, target: number, goal: Goal): string {
  const times = distance(value, target, goal.better);
  const reading = target === 0 ? '' : ` (x${times.toFixed(2)})`;
  return `${number(target)} ${times <= 1 ? 'met' : 'MISSED'}${reading}`;
}

export function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const digits = Math.abs(value) >= 1000 ? 0 : Math.abs(value) >= 100 ? 1 : 2;
  return value.toFixed(digits);
}

/** One document for machines; the samples are kept, so that another statistic can be computed later. */
export function toDocument(machine: Readonly<Record<string, unknown>>, rows: readonly Row[]): unknown {
  return { schema: 'fanout-cluster/bench@1', machine, rows: rows.map((row) => (row.kind === 'missing' ? row : withSpread(row))) };
}

function withSpread(row: Measured): unknown {
  const spread = spreadOf(row.samples);
  const { goal } = row;
  if (goal === undefined) return { ...row, ...spread };
  const to = (target: number): number => distance(spread.median, target, goal.better);
  return { ...row, ...spread, distance: { must: to(goal.must), stretch: to(goal.stretch) } };
}
