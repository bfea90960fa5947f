/** Reads a capture file through the model of the kernel's key. Needs no privilege, and no more memory than its flows take. */

import type { CaptureSummary } from '../../addon/capture-summary.ts';
import { native } from '../../addon/native.ts';
import type { CapturePrediction } from '../../addon/prediction.ts';
import { captureWarnings, unusableCapture } from '../../capture-file/findings.ts';
import { type CaptureInput, inputName } from '../../capture-file/input.ts';
import { type Clock, dateOf } from '../../collector/group/clock.ts';
import { withCommunityIds } from '../../collector/run/community-ids.ts';
import { freshHashSeed } from '../../collector/source/flow-table.ts';
import { badCapture } from '../../collector/words/capture-file.ts';
import { interrupted } from '../../errors.ts';
import { hostKernel } from '../../host/kernel.ts';
import { type Finding, finding } from '../../model/finding.ts';
import { assumptionsOf, CURRENT_MODEL, type KernelModel, modelOf } from '../../model/kernel-model.ts';
import { kernelText, parseKernelRelease } from '../../model/kernel-release.ts';
import type { PredictOptions } from './options.ts';
import { evidenceOf, type GroupFindings, predictionOf } from './prediction.ts';
import type { ModelledKernel, PredictionResult } from './result.ts';

/** Violations listed one by one; all are counted. */
const VIOLATIONS_MAX = 1000;
/** Of each of the two groups: 120 bytes and an index entry a flow, so about 1 GB for both at the most. */
const FLOWS_MAX = 1 << 22;

export interface PredictIo {
  readonly version: string;
  readonly clock: Clock;
  /** Aborting it ends the reading early, with a prediction for what was read. */
  readonly signal: AbortSignal;
  /** Called for every piece of the file. */
  readonly onProgress: (bytes: number) => void;
  /** For tests; else 2^22. */
  readonly flowsMax?: number;
}

export interface PredictRequest extends Pick<PredictOptions, 'defrag' | 'kernel'> {
  /** Closed when all of it has been read. */
  readonly input: CaptureInput;
  /** What this host's kernel said when it was asked; undefined where it could not be, or another one is meant. */
  readonly probed?: KernelModel;
}

export type RunPrediction = (request: PredictRequest, io: PredictIo) => Promise<PredictionResult>;

export const runPrediction: RunPrediction = async ({ input, defrag, kernel: asked, probed }, io) => {
  const startedAt = dateOf(io.clock);
  const kernel = modelledKernel(asked, probed);
  const model = { ...kernel.design, bugs: kernel.bugs };
  const prediction = new native.CapturePrediction({
    hashSeed: freshHashSeed(),
    flowsMax: io.flowsMax ?? FLOWS_MAX,
    kernel: model,
  });
  try {
    const { summary, warnings } = await readAll(input, prediction, io);
    return {
      schema: 'fanout-cluster/prediction@1',
      tool: { version: io.version },
      startedAt: startedAt.toISOString(),
      ...predictionOf({
        pcap: input.path,
        kernel,
        summary,
        asked: findingsOf(prediction, defrag, VIOLATIONS_MAX),
        other: findingsOf(prediction, !defrag, 0),
        warnings,
      }),
    };
  } finally {
    await input.close();
  }
};

/** By what the release tells, where nobody could ask. A kernel that says nothing of itself counts as a current one. */
function modelledKernel(asked: string | undefined, probed: KernelModel | undefined): ModelledKernel {
  const told = asked ?? hostKernel();
  const release = parseKernelRelease(told);
  const origin = {
    release: kernelText(told),
    from: asked === undefined ? 'this-host' : 'option',
    probed: probed !== undefined,
  } as const;
  if (probed !== undefined) return { ...origin, ...probed, assumed: [] };
  if (release === undefined)
    return { ...origin, ...CURRENT_MODEL, assumed: ['it hashes as current kernels do, because its release tells nothing'] };
  return { ...origin, ...modelOf(release), assumed: assumptionsOf(release) };
}

interface Read {
  readonly summary: CaptureSummary;
  readonly warnings: readonly Finding[];
}

async function readAll(input: CaptureInput, prediction: CapturePrediction, { signal, onProgress }: PredictIo): Promise<Read> {
  const name = inputName(input.path);
  const reader = input.read();
  const close = (): void => reader.close();
  signal.addEventListener('abort', close, { once: true });
  let bytes = 0;
  try {
    while (!signal.aborted) {
      const piece = await reader.next();
      if (piece === undefined) break;
      prediction.feed(piece);
      bytes += piece.length;
      onProgress(bytes);
    }
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
  // Where the reading was ended the file may go on, and a packet that is not there in full is no damage.
  const atEnd = prediction.summary();
  prediction.finish();
  const summary = signal.aborted ? atEnd : prediction.summary();
  if (signal.aborted && summary.frames === 0) throw interrupted(`before any packet of ${name} was read`);
  if (summary.frames === 0) throw badCapture(unusableCapture(name, summary, reader.fault, 'predict'));
  const unfinished = signal.aborted ? [finding('capture-unfinished', { name, records: summary.records })] : [];
  return { summary, warnings: [...unfinished, ...captureWarnings(name, summary, reader.fault, 'predict')] };
}

function findingsOf(prediction: CapturePrediction, defrag: boolean, violationsMax: number): GroupFindings {
  const evidence = withCommunityIds(evidenceOf(prediction.evidence({ defrag, violationsMax })));
  return { defrag, evidence, counts: prediction.counts({ defrag }) };
}
