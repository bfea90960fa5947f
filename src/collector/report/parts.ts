/** What several reports say in the same words. */
import type { CauseResult, FlowId, Reason } from '../../model/run-result.ts';
import { type Style, wrap } from './layout.ts';
import { printable } from './printable.ts';

export function advice({ code, message, remedy }: Reason, indent: string, style: Style): readonly string[] {
  const lines = wrap(`${printable(code)}: ${printable(message)}`, indent, style);
  return remedy === undefined ? lines : [...lines, ...wrap(printable(remedy), `${indent}  -> `, style)];
}

export function causeNote({ harmless, tolerated }: CauseResult): string {
  if (harmless) return ' (does not decide the answer)';
  return tolerated === true ? ' (tolerated)' : '';
}

export function flowText({ proto, src, sport, dst, dport }: FlowId): string {
  const end = (address: string, port: number) =>
    address.includes(':') ? `[${printable(address)}]:${port}` : `${printable(address)}:${port}`;
  return `${printable(proto)} ${end(src, sport)} <-> ${end(dst, dport)}`;
}

/** One line, or as many as it takes: what there is no room to explain. */
export function namedInShort(title: string, names: readonly string[], style: Style): readonly string[] {
  return names.length === 0 ? [] : wrap(`${title}: ${names.map(printable).join(', ')}`, '', style);
}
