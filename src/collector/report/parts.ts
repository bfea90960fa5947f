/** What several reports say in the same words. */
import type { CauseResult, FlowId, Reason } from '../../model/run-result.ts';
import { grouped, type Style, wrap } from './layout.ts';
import { printable } from './printable.ts';

export function advice({ code, message, remedy }: Reason, indent: string, style: Style): readonly string[] {
  const lines = wrap(`${printable(code)}: ${printable(message)}`, indent, style);
  return remedy === undefined ? lines : [...lines, ...wrap(printable(remedy), `${indent}  -> `, style)];
}

export function causeNote({ harmless, tolerated }: CauseResult): string {
  if (harmless) return ' (does not decide the answer)';
  return tolerated === true ? ' (tolerated)' : '';
}

/** What is said of a cause where only its code is at hand. */
export function noteOn(code: string, causes: readonly CauseResult[]): string {
  const cause = causes.find((one) => one.code === code);
  return cause === undefined ? '' : causeNote(cause);
}

/** "1 packet", "3,000 packets" */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
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
