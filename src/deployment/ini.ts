/** Files of sections and options, line by line: three programs, three dialects. Each reader says what it makes of a line. Pure. */
import { type Line, linesOf, type Place, type Source } from './source.ts';

export interface Dialect {
  /** Characters that begin a comment. */
  readonly comments: string;
  /** Comments, sections and options may be set in. */
  readonly mayIndent: boolean;
  /** Between key and value. */
  readonly delimiters: string;
  /** A line that is set in continues the value of this key. */
  readonly continues: (key: string) => boolean;
}

export interface IniSection {
  readonly kind: 'section';
  readonly name: string;
  readonly at: Place;
}

export interface IniOption {
  readonly kind: 'option';
  readonly key: string;
  /** Lines of it, where it was continued. */
  readonly value: string;
  readonly isContinued: boolean;
  readonly at: Place;
  readonly valueAt: Place;
}

/** Neither of them. */
export interface IniStray {
  readonly kind: 'stray';
  readonly text: string;
  readonly at: Place;
}

export type IniItem = IniSection | IniOption | IniStray;

/** Python's configparser as ZeekControl uses it: no comment behind a value. */
export const CONFIG_PARSER: Dialect = { comments: '#;', mayIndent: true, delimiters: '=:', continues: () => true };
/** The reader of Zeek's generator of systemd units. */
export const ZEEK_CONF: Dialect = { comments: '#', mayIndent: false, delimiters: '=', continues: (key) => /(?:env|args)$/.test(key) };
/** GLib's GKeyFile. */
export const KEY_FILE: Dialect = { comments: '#', mayIndent: true, delimiters: '=', continues: () => false };

export function iniItems(source: Source, dialect: Dialect): readonly IniItem[] {
  const items: IniItem[] = [];
  for (const line of linesOf(source.text)) {
    const trimmed = line.text.trim();
    if (trimmed === '' || isComment(line, dialect)) continue;
    const last = items.at(-1);
    if (last?.kind === 'option' && /^\s/.test(line.text) && dialect.continues(last.key)) {
      items[items.length - 1] = { ...last, value: `${last.value}\n${trimmed}`, isContinued: true };
      continue;
    }
    items.push(itemOf(line, source, dialect));
  }
  return items;
}

function isComment({ text }: Line, { comments, mayIndent }: Dialect): boolean {
  const first = (mayIndent ? text.trimStart() : text).charAt(0);
  return comments.includes(first);
}

function itemOf({ text, offset }: Line, { placeOf }: Source, { delimiters }: Dialect): IniItem {
  const indent = text.length - text.trimStart().length;
  const at = placeOf(offset + indent);
  const trimmed = text.trim();
  if (trimmed.startsWith('[') && trimmed.endsWith(']') && trimmed.length > 2) return { kind: 'section', name: trimmed.slice(1, -1), at };
  const delimiter = [...trimmed].findIndex((character) => delimiters.includes(character));
  if (delimiter <= 0) return { kind: 'stray', text: trimmed, at };
  // Characters may be pairs of code units.
  const cut = [...trimmed].slice(0, delimiter).join('').length;
  const raw = trimmed.slice(cut + 1);
  const valueAt = placeOf(offset + indent + cut + 1 + (raw.length - raw.trimStart().length));
  return { kind: 'option', key: trimmed.slice(0, cut).trim(), value: raw.trim(), isContinued: false, at, valueAt };
}
