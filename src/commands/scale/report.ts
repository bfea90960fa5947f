/** ScaleResult to text for people: the table, and what it says. Decides nothing. */

import { grouped, joinSections, paint, type Style, seconds, table, wrap } from '../../collector/report/layout.ts';
import { advice as adviceLines, namedInShort } from '../../collector/report/parts.ts';
import { printable } from '../../collector/report/printable.ts';
import { type FailedSize, isMeasured, type MeasuredSize, type ScaleResult, type ScaleSize } from './result.ts';

export function renderScale(result: ScaleResult, style: Style): string {
  return joinSections([
    headline(result, style),
    sizesTable(result),
    legend(result, style),
    notYes(result, style),
    failures(result, style),
    conclusions(result, style),
  ]);
}

/** Without the table: what --quiet leaves. */
export function renderScaleBrief(result: ScaleResult, style: Style): string {
  return joinSections([inShort(result, style), failures(result, style), conclusions(result, style)]);
}

function headline({ plan, source, host, durationMs }: ScaleResult, style: Style): readonly string[] {
  const mode = [plan.mode, ...plan.flags].join('+');
  const rate = plan.packetsPerSecond === undefined ? 'as fast as it goes' : `at ${grouped(plan.packetsPerSecond)} packets/s`;
  const work = plan.workNs === 0 ? '' : `, ${grouped(plan.workNs)} ns of work for each`;
  const { senderCpu, workerCpus } = plan.placement;
  const where =
    senderCpu === undefined
      ? `sender and processes share CPU ${workerCpus.join(', ')}`
      : `sent and received on CPU ${senderCpu}, processes on CPU ${workerCpus.join(', ')}`;
  const text = `mode ${mode}, ${grouped(plan.packets)} packets of ${grouped(plan.flows)} flows for each size, sent ${rate} by ${printable(source.injection ?? source.kind)}${work}; ${where}; Linux ${printable(host.kernel)}, ${host.cpus} CPUs, ${seconds(durationMs)}, seed ${source.seed ?? 'unknown'}`;
  return wrap(text, '', style);
}

const HEAD = ['procs', 'start', 'packets/s', 'lost', 'CPU/packet', 'sender', 'used', 'busiest', 'memory', 'answer'] as const;

function sizesTable({ sizes }: ScaleResult): readonly string[] {
  return table([HEAD, ...sizes.map(row)], [HEAD.length - 1]);
}

function row(size: ScaleSize): readonly string[] {
  if (!isMeasured(size)) return [String(size.procs), ...HEAD.slice(2).map(() => '-'), printable(size.error.code)];
  return [
    String(size.procs),
    seconds(size.startMs),
    grouped(size.packetsPerSecond),
    lossText(size),
    `${grouped(size.cpuNsPerPacket)} ns`,
    size.senderNsPerPacket === undefined ? '-' : `${grouped(size.senderNsPerPacket)} ns`,
    String(size.membersUsed),
    size.maxOverMean.toFixed(2),
    size.memory === undefined ? '-' : mebibytes(size.memory.totalBytes),
    size.answer,
  ];
}

/** Never rounded to nothing. */
function lossText({ lost, lossPercent }: MeasuredSize): string {
  if (lost === 0) return '0';
  return lossPercent < 0.01 ? '<0.01 %' : `${lossPercent.toFixed(lossPercent < 1 ? 2 : 1)} %`;
}

function mebibytes(bytes: number): string {
  return `${grouped(Math.round(bytes / 2 ** 20))} MiB`;
}

function legend({ sizes }: ScaleResult, style: Style): readonly string[] {
  if (!sizes.some(isMeasured)) return [];
  const text =
    'CPU/packet: of all processes together; sender: of the thread that sends, in which the kernel also receives; used: processes that got packets; busiest: packets of the busiest process over the mean; memory: of all processes with their rings (PSS)';
  return wrap(text, '', style).map((line) => paint(line, 'dim', style));
}

/** One line for each size that is no YES: the code says it, and a run with that many processes says more. */
function notYes({ sizes }: ScaleResult, style: Style): readonly string[] {
  const doubted = sizes.filter(isMeasured).filter(({ doubts }) => doubts.length > 0);
  if (doubted.length === 0) return [];
  return [
    'Not a YES',
    ...doubted.flatMap(({ procs, doubts }) =>
      doubts.flatMap(({ code, message }) => wrap(`${printable(code)}: ${printable(message)}`, `  ${procs}: `, style)),
    ),
  ];
}

function inShort({ sizes }: ScaleResult, style: Style): readonly string[] {
  const doubted = sizes.filter(isMeasured).filter(({ doubts }) => doubts.length > 0);
  return namedInShort(
    'Not a YES',
    doubted.flatMap(({ procs, doubts }) => doubts.map(({ code }) => `${procs}: ${code}`)),
    style,
  );
}

function failures({ sizes }: ScaleResult, style: Style): readonly string[] {
  const failed = sizes.filter((size): size is FailedSize => !isMeasured(size));
  if (failed.length === 0) return [];
  return ['Not measured', ...failed.flatMap(({ procs, error }) => adviceLines({ ...error, code: `${procs}: ${error.code}` }, '  ', style))];
}

function conclusions({ advice }: ScaleResult, style: Style): readonly string[] {
  return advice.length === 0 ? [] : ['What the figures say', ...advice.flatMap((one) => adviceLines(one, '  ', style))];
}
