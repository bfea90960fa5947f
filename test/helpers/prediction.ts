/** Predictions as they come of evidence; tests change what they are about. */

import type { CaptureSummary } from '../../src/addon/capture-summary.ts';
import { type Findings, type GroupFindings, predictionOf } from '../../src/commands/predict/prediction.ts';
import type { PredictionResult } from '../../src/commands/predict/result.ts';
import type { Evidence } from '../../src/model/evidence.ts';
import { CURRENT_MODEL } from '../../src/model/kernel-model.ts';
import { epoch, evidenceOf } from './evidence.ts';

/** So many flows that are kept, each of one kernel key. */
export const keptFlows = (count: number): Evidence => evidenceOf([epoch([count])]);

export function groupFindings(defrag: boolean, evidence: Evidence, change: Partial<GroupFindings['counts']> = {}): GroupFindings {
  return { defrag, evidence, counts: { packets: evidence.judgedPackets, unseen: 0, ignored: [], ...change } };
}

export function summaryOf(frames: number, change: Partial<CaptureSummary> = {}): CaptureSummary {
  return {
    format: 'pcap',
    records: frames + (change.leftOutOtherwise ?? 0),
    frames,
    cutHeaders: 0,
    leftOut: [],
    leftOutOtherwise: 0,
    ...change,
  };
}

export function predicted(asked: Evidence, change: Partial<Findings> = {}): PredictionResult {
  return {
    schema: 'fanout-cluster/prediction@1',
    tool: { version: '0.1.0' },
    startedAt: '2026-11-22T12:00:00.000Z',
    ...predictionOf({
      pcap: 'trace.pcap',
      kernel: { release: '6.18.44', from: 'this-host', probed: false, ...CURRENT_MODEL, assumed: [] },
      summary: summaryOf(asked.judgedPackets),
      asked: groupFindings(false, asked),
      other: groupFindings(true, asked),
      warnings: [],
      ...change,
    }),
  };
}
