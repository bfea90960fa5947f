/** `predict`: which flows of a capture file mode HASH must split, by a model of the kernel's key. Needs no privilege. */
import { type Stats, statSync } from 'node:fs';
import { type CaptureInput, openCaptureInput } from '../../capture-file/input.ts';
import { PREDICT } from '../../capture-file/use.ts';
import type { Clock } from '../../collector/group/clock.ts';
import { printable } from '../../collector/report/printable.ts';
import type { Openings } from '../../collector/run/provisions.ts';
import { grouped } from '../../collector/words/english.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import type { KernelModel } from '../../model/kernel-model.ts';
import { contradictory } from '../../options/values.ts';
import { type Host, onEnding } from '../../process/host.ts';
import { reported } from '../reported.ts';
import { commandSpec } from '../spec.ts';
import { PREDICT_OPTIONS, type PredictOptions, parsePredictOptions } from './options.ts';
import type { RunPrediction } from './predict.ts';
import { splitsFlows } from './prediction.ts';
import { predictionBrief, predictionDocument } from './report.ts';
import type { PredictionResult } from './result.ts';

export interface PredictTools {
  readonly clock: Clock;
  readonly runPrediction: RunPrediction;
  /** How this host's kernel hashes, asked of it; undefined where it cannot be. */
  readonly probeKernel: () => KernelModel | undefined;
}

export const predictCommand = commandSpec({
  name: 'predict',
  summary: 'which flows of a capture file mode hash must split, and why, by a model of the kernel; needs no privilege',
  argument: { syntax: '[file]', help: 'pcap, pcapng, snoop or ERF, plain or gzip-compressed; - is standard input' },
  options: PREDICT_OPTIONS,
  exitStatuses: `Exit status: 0 nothing must be split, 1 some flows must be, 2 usage or a file that cannot be read, 3 no flow that could show it,
4 ended by a signal before anything was read, 70 defect of this tool.`,
  perform: async ({ typed, argument }, host) => {
    const options = host.parse((machine) => parsePredictOptions(argument, typed, machine));
    const [{ runPrediction }, { probeKernel }, { HOST_CLOCK }] = await Promise.all([
      import('./predict.ts'),
      import('../../lab/kernel-probe.ts'),
      import('../../collector/group/clock.ts'),
    ]);
    return predict(options, host, { runPrediction, probeKernel, clock: HOST_CLOCK });
  },
});

export async function predict({ path, defrag, kernel, output }: PredictOptions, host: Host, tools: PredictTools): Promise<ExitStatus> {
  if (output.json.kind === 'file' && path !== '-') refuseToReplace(path, output.json.path);
  onEnding(host, output, (text) => host.stderr.write(`${text}\n`));
  const onProgress = output.quiet ? () => {} : progressOf(path, host, tools.clock);
  const work = ({ input, probed }: Opened) =>
    tools.runPrediction(
      { input, defrag, ...(kernel === undefined ? {} : { kernel }), ...(probed === undefined ? {} : { probed }) },
      { version: host.version, clock: tools.clock, signal: host.signal, onProgress },
    );
  const probe = kernel === undefined ? tools.probeKernel : () => undefined;
  const result = await reported(output, host, openings(path, probe), work, { full: predictionDocument, brief: predictionBrief });
  return statusOf(result);
}

interface Opened {
  readonly input: CaptureInput;
  readonly probed: KernelModel | undefined;
}

/** Opened as whoever called, and read when nothing else is allowed any more. */
function openings(path: string, probe: PredictTools['probeKernel']): Openings<Opened> {
  const open = (): Promise<CaptureInput> => openCaptureInput(path, () => process.stdin, PREDICT);
  return {
    open: async ({ asInvoker }) => ({ input: await asInvoker(open), probed: probe() }),
    handOver: ({ probed }) => ({ handover: probed ?? null, descriptors: [] }),
    takeOver: async (handed) => ({ input: await open(), probed: (handed as KernelModel | null) ?? undefined }),
  };
}

/** A capture is not to be had again: `predict a.pcap --json a.pcap` is a slip. */
function refuseToReplace(capture: string, report: string): void {
  const [from, to] = [capture, report].map(fileAt);
  if (from === undefined || to === undefined || !from.isFile() || from.dev !== to.dev || from.ino !== to.ino) return;
  throw contradictory(`--json ${report} would replace the capture file itself`, 'name another file for the report');
}

/** Nothing where there is none: whoever opens it says why. */
function fileAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

const PROGRESS_MS = 1000;

/** A line a second, for files that take longer than that. */
function progressOf(path: string, { stderr }: Host, clock: Clock): (bytes: number) => void {
  let nextMs = clock.nowMs() + PROGRESS_MS;
  return (bytes) => {
    const nowMs = clock.nowMs();
    if (nowMs < nextMs) return;
    nextMs = nowMs + PROGRESS_MS;
    stderr.write(`reading ${printable(path)}: ${grouped(Math.round(bytes / 1e6))} MB\n`);
  };
}

/** That nothing must be split is worth something only for flows that could have been, and of a file that was read to its end. */
function statusOf(result: PredictionResult): ExitStatus {
  if (splitsFlows(result)) return EXIT.no;
  if (result.warnings.some(({ code }) => code === 'capture-unfinished')) return EXIT.inconclusive;
  return result.flows.twoWay === 0 || result.packets.overflowed > 0 ? EXIT.inconclusive : EXIT.yes;
}
