/** The machine interface: one document, as it is. */
import type { RunResult } from '../../model/run-result.ts';
import { printableJson } from './printable.ts';

export function renderJson(result: RunResult): string {
  return `${printableJson(JSON.stringify(result, null, 2))}\n`;
}
