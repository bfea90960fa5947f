/** The machine interface: one document, as it is. */
import type { ChurnResult } from '../../model/churn.ts';
import type { ComparisonResult } from '../../model/comparison.ts';
import type { MatrixResult } from '../../model/matrix.ts';
import type { OwnLoad } from '../../model/own-load.ts';
import type { PredictionResult } from '../../model/prediction.ts';
import type { RaceResult } from '../../model/race.ts';
import type { RunResult } from '../../model/run-result.ts';
import type { ScaleResult } from '../../model/scale.ts';
import { printableJson } from './printable.ts';

/** What a command comes to: its schema says which of them. */
export type Report = RunResult | ComparisonResult | OwnLoad | MatrixResult | PredictionResult | ChurnResult | ScaleResult | RaceResult;

export function renderJson(result: Report): string {
  return `${printableJson(JSON.stringify(result, null, 2))}\n`;
}
