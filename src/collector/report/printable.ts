/** Text from outside (interface names, paths, reasons of death) must not reach a terminal as commands. */

// Controls (C0, DEL, C1) drive the terminal; format characters and separators reorder or hide what is printed around them.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text with every character that a terminal would obey, or not show, written as an escape. Line breaks included. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** JSON in which no such character stands unescaped, so that `cat report.json` is safe; it parses to the same value. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (character) => (character === '\n' ? character : escaped(character)));
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
