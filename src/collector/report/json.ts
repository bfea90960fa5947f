/** The machine interface: one document, as it is. */
import type { ResultHead } from '../../model/result-head.ts';
import { printableJson } from './printable.ts';

/** What a command comes to: its schema says which of them. */
export type Report = Pick<ResultHead<string>, 'schema'>;

export function renderJson(result: object): string {
  return `${printableJson(JSON.stringify(result, null, 2))}\n`;
}
