/** Command lines as a shell takes them apart: words, quotes, lines that go on. Nothing is expanded. Pure. */
import type { Place, Source } from './source.ts';

export interface Word {
  readonly text: string;
  readonly at: Place;
}

export type CommandLine = readonly Word[];

/** More than any unit holds; a longer one is no command line. */
const WORDS_MAX = 4096;

/** Commands of a text, which `;`, `&`, `|` and ends of lines separate. @param offset of the text in the file */
export function commandLines(text: string, source: Source, offset = 0): readonly CommandLine[] {
  return wordLists(text, source, offset).flatMap((command) => innerCommands(command, source) ?? [command]);
}

/** Of a shell that is told by -c what to do; what stands in its text is placed at its beginning. */
function innerCommands(command: CommandLine, source: Source): readonly CommandLine[] | undefined {
  const { name, args } = programOf(command);
  const [option, script] = args;
  if (!/^(?:ba|da|k|z)?sh$/.test(name) || option === undefined || script === undefined || !/^-\w*c$/.test(option.text)) return undefined;
  return wordLists(script.text, { ...source, placeOf: () => script.at }, 0);
}

function wordLists(text: string, source: Source, offset: number): readonly CommandLine[] {
  const commands: Word[][] = [[]];
  let [word, start]: [string | undefined, number] = [undefined, 0];
  const endWord = (): void => {
    if (word === undefined) return;
    if ((commands.at(-1)?.length ?? 0) < WORDS_MAX) commands.at(-1)?.push({ text: word, at: source.placeOf(offset + start) });
    word = undefined;
  };
  for (let at = 0; at < text.length; ) {
    const next = text.charAt(at);
    const joined = /^\\\r?\n/.exec(text.slice(at, at + 3))?.[0];
    if (joined !== undefined) at += joined.length;
    else if (/\s/.test(next) || ';&|'.includes(next)) {
      endWord();
      if (next !== ' ' && next !== '\t' && next !== '\r' && commands.at(-1)?.length !== 0) commands.push([]);
      at += 1;
    } else if (next === '#' && word === undefined) at = lineEnd(text, at);
    else {
      if (word === undefined) [word, start] = ['', at];
      const [piece, length] = pieceAt(text, at);
      word += piece;
      at += length;
    }
  }
  endWord();
  return commands.filter((command) => command.length > 0);
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** What stands at this place, without its quotes, and how long it is with them. */
function pieceAt(text: string, at: number): readonly [piece: string, length: number] {
  const quote = text.charAt(at);
  if (quote === '\\') return [text.slice(at + 1, at + 2), 2];
  if (quote !== '"' && quote !== "'") return [quote, 1];
  const end = closing(text, at + 1, quote);
  const inside = text.slice(at + 1, end);
  return [quote === '"' ? inside.replace(/\\(["\\$`])/g, '$1') : inside, end - at + 1];
}

function closing(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at += 1) {
    if (quote === '"' && text.charAt(at) === '\\') at += 1;
    else if (text.charAt(at) === quote) return at;
  }
  return text.length;
}

/** What goes before the program: variables, and programs that start another. */
const STARTERS = /^(?:[$%>]|\w+=.*|(?:.*\/)?(?:sudo|nohup|exec|nice|env|setsid|ionice|time))$/;

/** Name of the program and the words behind it. systemd puts signs before a path. */
export function programOf(command: CommandLine): { readonly name: string; readonly args: CommandLine } {
  const first = command.findIndex(({ text }) => !STARTERS.test(text));
  const path = (command[first]?.text ?? '').replace(/^[-@:+!]+/, '');
  return { name: path.slice(path.lastIndexOf('/') + 1), args: first < 0 ? [] : command.slice(first + 1) };
}

/** Options of a command line, in order: `-x value`, `-xvalue`, `--long value`, `--long=value`. */
export interface Option {
  readonly name: string;
  readonly value?: Word;
  readonly at: Place;
}

/** @param takesValue names of options that have one, each with its dashes */
export function optionsIn(args: CommandLine, takesValue: ReadonlySet<string>): readonly (Option | Word)[] {
  const found: (Option | Word)[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] as Word;
    const { option, needsNext } = splitOption(word, takesValue);
    const next = needsNext ? args[index + 1] : undefined;
    if (option === undefined) found.push(word);
    else if (next === undefined) found.push(option);
    else {
      found.push({ ...option, value: next });
      index += 1;
    }
  }
  return found;
}

function splitOption(word: Word, takesValue: ReadonlySet<string>): { readonly option?: Option; readonly needsNext: boolean } {
  const { text, at } = word;
  if (!text.startsWith('-') || text.length < 2) return { needsNext: false };
  if (takesValue.has(text)) return { option: { name: text, at }, needsNext: true };
  const equals = text.indexOf('=');
  if (equals > 0) return { option: { name: text.slice(0, equals), value: behind(word, equals + 1), at }, needsNext: false };
  const short = text.slice(0, 2);
  if (!text.startsWith('--') && takesValue.has(short)) return { option: { name: short, value: behind(word, 2), at }, needsNext: false };
  return { option: { name: text, at }, needsNext: false };
}

function behind({ text, at }: Word, length: number): Word {
  return { text: text.slice(length), at: { ...at, column: at.column + length } };
}

export function isOption(item: Option | Word): item is Option {
  return 'name' in item;
}

/** Values of these options, the last one last. */
export function valuesOf(items: readonly (Option | Word)[], ...names: readonly string[]): readonly Word[] {
  return items.flatMap((item) => (isOption(item) && names.includes(item.name) && item.value !== undefined ? [item.value] : []));
}

export function hasOption(items: readonly (Option | Word)[], ...names: readonly string[]): boolean {
  return items.some((item) => isOption(item) && names.includes(item.name));
}
