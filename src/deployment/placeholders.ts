/** Places that a template leaves to be filled: of Jinja, Helm, configure scripts, supervisord, shells, and of guides. Pure. */
import type { Placed, Source } from './source.ts';
import { linesOf } from './source.ts';

/** {{ x }}, {% x %}, @x@, __X__, ${X}, $X, %(ENV_X)s, <X>, ***X*** */
const PLACEHOLDER =
  /\{\{[^{}]*\}\}|\{%[^%]*%\}|@[A-Za-z]\w*@|__[A-Z][A-Z\d_]*__|\$\{[^{}]*\}|\$[A-Za-z_]\w*|%\([A-Za-z_]\w*\)[sd]|<[A-Za-z][\w .-]*>|\*\*\*[^*]+\*\*\*/;

/** The first one in a value. */
export function placeholderIn(value: string): string | undefined {
  return PLACEHOLDER.exec(value)?.[0];
}

/** A file that some generator has to go through first: the first place that shows it. A comment may speak of one. */
export function templateIn({ text, placeOf }: Source): Placed | undefined {
  if (!text.includes('{{') && !text.includes('{%')) return undefined;
  for (const line of linesOf(text)) {
    if (/^\s*(?:#|;|--|\/\/)/.test(line.text)) continue;
    const match = /\{%[-+ ]|(?<!["'\w])\{\{/.exec(line.text);
    if (match === null) continue;
    const value = PLACEHOLDER.exec(line.text.slice(match.index))?.[0] ?? line.text.slice(match.index).trim();
    return { value, at: placeOf(line.offset + match.index) };
  }
  return undefined;
}

/** Where a file cannot be read, and that is why. */
export function firstPlaceholder({ text, placeOf }: Source): Placed | undefined {
  for (const line of linesOf(text)) {
    if (/^\s*(?:#|;|--|\/\/)/.test(line.text)) continue;
    const match = PLACEHOLDER.exec(line.text);
    if (match !== null) return { value: match[0], at: placeOf(line.offset + match.index) };
  }
  return undefined;
}
