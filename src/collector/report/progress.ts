/** A live run, drawn in place on a terminal and told in plain lines elsewhere. */
import type { RunResult } from '../../model/run-result.ts';
import { grouped, seconds } from '../words/english.ts';
import { bar, type Style, wrap } from './layout.ts';
import { printable } from './printable.ts';

export interface ProgressSnapshot {
  /** What the run is doing, such as "starting" or "capturing". */
  readonly phase: string;
  readonly elapsedMs: number;
  readonly packets: number;
  /** Absent until there are two moments to tell it from. */
  readonly packetsPerSecond?: number;
  /** Two-way flows, and how many will end the run. */
  readonly flows: number;
  readonly flowGoal?: number;
  readonly perMemberPackets: readonly number[];
  readonly drops: number;
}

/** Beyond this many members one line each would push the rest off the screen. */
const MEMBER_LINES_MAX = 16;
const LABEL_WIDTH = 22;

/** Of what a run came to. */
export function lastSnapshot({ packets, flows, members, durationMs }: RunResult): ProgressSnapshot {
  return {
    phase: 'ended after',
    elapsedMs: durationMs,
    packets: packets.captured,
    flows: flows.twoWay,
    perMemberPackets: members.map((member) => member.packets),
    drops: packets.dropped,
  };
}

/** The picture of one moment; no line is wider than the terminal, or redrawing would leave parts behind. */
export function renderProgress(snapshot: ProgressSnapshot, { width }: Style): readonly string[] {
  const members = snapshot.perMemberPackets;
  const pictures = members.length <= MEMBER_LINES_MAX ? memberLines(members, width) : compactLines(members, width);
  // The last column stays free: some terminals wrap as soon as it is written.
  return [...wrap(renderProgressLine(snapshot), '', { width: width - 1, color: false }), ...pictures].map((line) =>
    line.slice(0, width - 1),
  );
}

export function renderProgressLine({
  phase,
  elapsedMs,
  packets,
  packetsPerSecond,
  flows,
  flowGoal,
  drops,
  perMemberPackets,
}: ProgressSnapshot): string {
  const used = perMemberPackets.filter((count) => count > 0).length;
  return [
    `${printable(phase)} ${seconds(elapsedMs)}`,
    `${grouped(packets)} packets`,
    ...(packetsPerSecond === undefined ? [] : [`${grouped(Math.round(packetsPerSecond))}/s`]),
    `${grouped(flows)}${flowGoal === undefined ? '' : ` of ${grouped(flowGoal)}`} two-way flows`,
    `${used} of ${perMemberPackets.length} workers used`,
    `${grouped(drops)} dropped`,
  ].join(', ');
}

function memberLines(members: readonly number[], width: number): readonly string[] {
  const most = Math.max(...members, 0);
  return members.map((count, index) => {
    const label = `  ${String(index).padStart(3)} ${grouped(count).padStart(14)}  `;
    return `${label}${bar(count, most, Math.min(50, width - LABEL_WIDTH - 1))}`.trimEnd();
  });
}

const SHADES = ' .:-=+*#';

/** One character per member, or per run of neighbours where there are more members than columns: its share of the busiest. */
function compactLines(members: readonly number[], width: number): readonly string[] {
  const columns = Math.min(members.length, width - 5);
  const perColumn = Math.ceil(members.length / columns);
  const cells = Array.from({ length: Math.ceil(members.length / perColumn) }, (_, cell) =>
    Math.max(...members.slice(cell * perColumn, (cell + 1) * perColumn)),
  );
  const most = Math.max(...cells);
  const least = Math.min(...members);
  return [
    `  [${cells.map((count) => shade(count, most)).join('')}]`,
    `  least ${grouped(least)}, most ${grouped(most)}${perColumn > 1 ? `, ${perColumn} workers a column` : ''}`,
  ];
}

function shade(value: number, most: number): string {
  const step = value <= 0 ? 0 : Math.max(1, Math.ceil((value / most) * (SHADES.length - 1)));
  return SHADES[step] ?? '';
}

/** Where progress goes: a terminal that can be redrawn, or a stream of lines. */
export interface ProgressTarget {
  readonly isTerminal: boolean;
  readonly style: () => Style;
  readonly write: (text: string) => void;
}

export interface ProgressWriter {
  readonly update: (snapshot: ProgressSnapshot) => void;
  /** A line that stays. */
  readonly note: (text: string) => void;
  /** Removes the picture from the terminal, so that the report begins on a clean line; elsewhere the last line says what the report says. */
  readonly finish: (last?: ProgressSnapshot) => void;
}

/** Redraws at every update on a terminal; elsewhere writes a line whenever `intervalMs` of the run have passed. */
export function progressWriter(target: ProgressTarget, intervalMs: number): ProgressWriter {
  return target.isTerminal ? redrawing(target) : printing(target, intervalMs);
}

function redrawing(target: ProgressTarget): ProgressWriter {
  let drawn = 0;
  // Up to the first line of the picture, then clear to the end of the screen: what follows may be shorter.
  const clear = () => (drawn === 0 ? '' : `\u001b[${drawn}A\r\u001b[J`);
  return {
    update(snapshot) {
      const lines = renderProgress(snapshot, target.style());
      target.write(`${clear()}${lines.join('\n')}\n`);
      drawn = lines.length;
    },
    note(text) {
      target.write(`${clear()}${text}\n`);
      drawn = 0;
    },
    finish() {
      target.write(clear());
      drawn = 0;
    },
  };
}

function printing(target: ProgressTarget, intervalMs: number): ProgressWriter {
  let nextMs = 0;
  return {
    update(snapshot) {
      if (snapshot.elapsedMs < nextMs || (nextMs === 0 && snapshot.packets === 0 && snapshot.elapsedMs < intervalMs)) return;
      target.write(`${renderProgressLine(snapshot)}\n`);
      nextMs = (Math.floor(snapshot.elapsedMs / intervalMs) + 1) * intervalMs;
    },
    note: (text) => target.write(`${text}\n`),
    finish(last) {
      if (last !== undefined) target.write(`${renderProgressLine(last)}\n`);
    },
  };
}
