/** The machine interface: one document, as it is. */
import type { ChurnResult } from '../../model/churn.ts';
import type { ComparisonResult } from '../../model/comparison.ts';
import type { MatrixResult } from '../../model/matrix.ts';
import type { OwnLoad } from '../../model/own-load.ts';
import type { PredictionResult } from '../../model/prediction.ts';
import type { RunResult } from '../../model/run-result.ts';
import { printableJson } from './printable.ts';

export function renderJson(result: RunResult): string {
  return document(result);
}

export function renderMatrixJson(result: MatrixResult): string {
  return document(result);
}

export function renderPredictionJson(result: PredictionResult): string {
  return document(result);
}

export function renderComparisonJson(result: ComparisonResult): string {
  return document(result);
}

export function renderChurnJson(result: ChurnResult): string {
  return document(result);
}

export function renderOwnLoadJson(result: OwnLoad): string {
  return document(result);
}

function document(result: RunResult | MatrixResult | PredictionResult | ComparisonResult | ChurnResult | OwnLoad): string {
  return `${printableJson(JSON.stringify(result, null, 2))}\n`;
}
