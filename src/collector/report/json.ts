/** The machine interface: one document, as it is. */
import type { MatrixResult } from '../../model/matrix.ts';
import type { RunResult } from '../../model/run-result.ts';
import { printableJson } from './printable.ts';

export function renderJson(result: RunResult): string {
  return document(result);
}

export function renderMatrixJson(result: MatrixResult): string {
  return document(result);
}

function document(result: RunResult | MatrixResult): string {
  return `${printableJson(JSON.stringify(result, null, 2))}\n`;
}
