/** Redefinitions of AF_Packet options in Zeek scripts. Nothing is run: what is not a constant stays unknown. Pure. */
import type { Context, Read } from '../reading.ts';
import type { Placed, Source } from '../source.ts';
import { integerOf } from './options.ts';

/** The last one of each option counts, outside of @if: what is inside holds for some workers only. */
export function redefinitions({ text, placeOf }: Source): ReadonlyMap<string, Placed> {
  const found = new Map<string, Placed>();
  const code = withoutComments(text);
  const conditional = conditionalParts(code);
  for (const match of code.matchAll(/\bredef\s+AF_Packet::(\w+)\s*=\s*([^;]{1,4096});/g)) {
    const at = match.index + match[0].indexOf(match[2] ?? '', match[0].indexOf('='));
    if (conditional.some(([from, to]) => match.index > from && match.index < to)) continue;
    found.set(match[1] ?? '', { value: (match[2] ?? '').trim(), at: placeOf(at) });
  }
  return found;
}

/** As long as before, so that places stay what they are. A # inside a text is no comment. */
function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\\n]|\\.)*"|#[^\n]*/g, (part) => (part.startsWith('#') ? ' '.repeat(part.length) : part));
}

function conditionalParts(code: string): readonly (readonly [from: number, to: number])[] {
  const parts: [number, number][] = [];
  let [depth, from] = [0, 0];
  for (const { 1: word, index } of code.matchAll(/@(ifdef|ifndef|if|endif)\b/g)) {
    if (word !== 'endif') {
      if (depth === 0) from = index;
      depth += 1;
    } else if (depth > 0) {
      depth -= 1;
      if (depth === 0) parts.push([from, index]);
    }
  }
  if (depth > 0) parts.push([from, code.length]);
  return parts;
}

/** By itself a script captures nothing: it belongs to a node.cfg or a command line. */
export function readZeekScript(source: Source, { note }: Context): Read {
  const options = redefinitions(source);
  const id = options.get('fanout_id');
  if (id !== undefined && integerOf(id.value) === undefined) note('zeek-id-from-code', { given: id.value }, id.at);
  const mode = options.get('fanout_mode');
  if (mode !== undefined && !/^AF_Packet::FANOUT_(?:HASH|CPU|QM|CBPF|EBPF)$/.test(mode.value))
    note('zeek-enum', { given: mode.value }, mode.at);
  return { program: 'zeek', groups: [] };
}
