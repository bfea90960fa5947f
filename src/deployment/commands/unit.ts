/** Command lines in systemd units, supervisord programs and compose files. Pure. */

import { type CommandLine, commandLines, type Word } from '../shell-words.ts';
import { linesOf, type Source } from '../source.ts';
import { type YamlValues, yamlValues } from '../yaml-values.ts';
import { imageName, isCaptureProgram } from './programs.ts';

interface Piece {
  readonly text: string;
  readonly offset: number;
}

/** One command of pieces that stand in several lines. */
function commandOf(pieces: readonly Piece[], source: Source): readonly CommandLine[] {
  const text = pieces.map((piece) => piece.text).join(' ');
  return commandLines(text, { ...source, text, placeOf: (at) => source.placeOf(offsetIn(pieces, at)) });
}

/** Where in the file a character of the joined pieces stands. */
function offsetIn(pieces: readonly Piece[], at: number): number {
  let left = at;
  for (const { text, offset } of pieces) {
    if (left <= text.length) return offset + left;
    left -= text.length + 1;
  }
  return 0;
}

/** ExecStart= of a unit, and command= of supervisord, each with the lines that go on. */
export function unitCommands(source: Source): readonly CommandLine[] {
  const pieces: Piece[][] = [];
  let open: 'backslash' | 'indent' | undefined;
  for (const { text, offset } of linesOf(source.text)) {
    const start = /^\s*(?:ExecStart|command)\s*=\s*/.exec(text);
    const isGoingOn = open === 'backslash' || (open === 'indent' && /^\s+\S/.test(text));
    if (start === null && !isGoingOn) {
      open = undefined;
      continue;
    }
    if (/^\s*[#;]/.test(text)) continue;
    const from = isGoingOn || start === null ? 0 : start[0].length;
    const body = text.slice(from).replace(/\\\s*$/, '');
    if (isGoingOn) pieces.at(-1)?.push({ text: body, offset: offset + from });
    else pieces.push([{ text: body, offset: offset + from }]);
    open = /\\\s*$/.test(text) ? 'backslash' : /^\s*command/.test(text) ? 'indent' : undefined;
  }
  const environment = environmentOf(source);
  return pieces.flatMap((one) =>
    commandOf(
      one.map((piece) => filled(piece, environment)),
      source,
    ),
  );
}

/** Environment=NAME=value of the same unit. */
function environmentOf({ text }: Source): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, body = ''] of text.matchAll(/^[ \t]*Environment=(.*)$/gm))
    for (const [, , name = '', value = ''] of body.matchAll(/(["']?)([A-Za-z_]\w*)=([^"'\s]*)\1/g)) found.set(name, value);
  return found;
}

function filled({ text, offset }: Piece, environment: ReadonlyMap<string, string>): Piece {
  return { text: text.replace(/\$\{(\w+)\}|\$(\w+)/g, (whole, braced, bare) => environment.get(braced ?? bare) ?? whole), offset };
}

/** command: and entrypoint: of each service, as a text or as a list of words. */
export function composeCommands(source: Source): readonly CommandLine[] {
  const values = yamlValues(source);
  const services = new Set([...values.keys()].flatMap((path) => /^services\.([^.]+)\./.exec(path)?.[1] ?? []));
  return [...services].slice(0, SERVICES_MAX).flatMap((service) => serviceCommands(service, values, source));
}

const SERVICES_MAX = 256;

function serviceCommands(service: string, values: YamlValues, source: Source): readonly CommandLine[] {
  const words = ['entrypoint', 'command'].flatMap((key): CommandLine => {
    const path = `services.${service}.${key}`;
    const whole = values.get(path);
    if (whole !== undefined) return commandLines(whole.value, { ...source, text: whole.value, placeOf: () => whole.at }).flat();
    const list: Word[] = [];
    for (let index = 0; ; index += 1) {
      const item = values.get(`${path}.${index}`);
      if (item === undefined) return list;
      list.push({ text: item.value, at: item.at });
    }
  });
  const image = values.get(`services.${service}.image`);
  const program = image === undefined ? '' : imageName(image.value);
  // An image starts its own program where the service names none.
  const isNamed = words[0] !== undefined && !words[0].text.startsWith('-');
  if (image !== undefined && !isNamed && isCaptureProgram(program)) return [[{ text: program, at: image.at }, ...words]];
  return words.length === 0 ? [] : [words];
}
