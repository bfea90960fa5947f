/** What a group carries as it grows, as a report: the table, and what it says. Decides nothing. */

import {
  type Document,
  findingBlock,
  findingsTitled,
  namedInShort,
  type Paragraph,
  paragraph,
  type Section,
  type Table,
} from '../../collector/report/document.ts';
import { grouped, seconds } from '../../collector/words/english.ts';
import { labelOf } from '../../model/fanout.ts';
import type { Reason } from '../../model/run-result.ts';
import { deploymentSections } from '../deployed-report.ts';
import { type FailedSize, isMeasured, type MeasuredSize, type ScaleResult, type ScaleSize } from './result.ts';

export function scaleDocument(result: ScaleResult): Document {
  return {
    sections: [
      { blocks: [headline(result)] },
      { blocks: [sizesTable(result)] },
      ...(result.sizes.some(isMeasured) ? [{ blocks: [paragraph(LEGEND, { tone: 'quiet' })] }] : []),
      ...notYes(result),
      ...failures(result),
      ...findingsTitled('What the figures say', result.advice),
      ...deploymentSections(result.deployment),
    ],
  };
}

/** Without the table: what --quiet leaves. */
export function scaleBrief(result: ScaleResult): Document {
  const doubted = doubtsBySize(result).map(({ procs, code }) => `${procs}: ${code}`);
  return {
    sections: [
      { blocks: namedInShort('Not a YES', doubted) },
      ...failures(result),
      ...findingsTitled('What the figures say', result.advice),
    ],
  };
}

function headline({ plan, source, host, durationMs }: ScaleResult): Paragraph {
  const rate = plan.packetsPerSecond === undefined ? 'as fast as it goes' : `at ${grouped(plan.packetsPerSecond)} packets/s`;
  const work = plan.workNs === 0 ? '' : `, ${grouped(plan.workNs)} ns of work for each`;
  const { senderCpu, workerCpus } = plan.placement;
  const where =
    senderCpu === undefined
      ? `sender and processes share CPU ${workerCpus.join(', ')}`
      : `sent and received on CPU ${senderCpu}, processes on CPU ${workerCpus.join(', ')}`;
  const text = `mode ${labelOf(plan)}, ${grouped(plan.packets)} packets of ${grouped(plan.flows)} flows for each size, sent ${rate} by ${source.injection ?? source.kind}${work}; ${where}; Linux ${host.kernel}, ${host.cpus} CPUs, ${seconds(durationMs)}, seed ${source.seed ?? 'unknown'}`;
  return paragraph(text);
}

const HEAD = ['procs', 'start', 'packets/s', 'lost', 'CPU/packet', 'sender', 'used', 'busiest', 'memory', 'answer'] as const;

const LEGEND =
  'CPU/packet: of all processes together; sender: of the thread that sends, in which the kernel also receives; used: processes that got packets; busiest: packets of the busiest process over the mean; memory: of all processes with their rings (PSS)';

function sizesTable({ sizes }: ScaleResult): Table {
  return { kind: 'table', head: HEAD, rows: sizes.map(row), left: [HEAD.length - 1] };
}

function row(size: ScaleSize): readonly string[] {
  if (!isMeasured(size)) return [String(size.procs), ...HEAD.slice(2).map(() => '-'), size.error.code];
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

function doubtsBySize({ sizes }: ScaleResult): readonly (Reason & { readonly procs: number })[] {
  return sizes.filter(isMeasured).flatMap(({ procs, doubts }) => doubts.map((doubt) => ({ ...doubt, procs })));
}

/** One line for each size that is no YES: the code says it, and a run with that many processes says more. */
function notYes(result: ScaleResult): readonly Section[] {
  const all = doubtsBySize(result);
  if (all.length === 0) return [];
  return [{ title: 'Not a YES', blocks: all.map(({ procs, code, message }) => paragraph(`${code}: ${message}`, { lead: `${procs}: ` })) }];
}

function failures({ sizes }: ScaleResult): readonly Section[] {
  const failed = sizes.filter((size): size is FailedSize => !isMeasured(size));
  if (failed.length === 0) return [];
  return [{ title: 'Not measured', blocks: failed.map(({ procs, error }) => findingBlock(error, `${procs}: ${error.code}`)) }];
}
