/** The text of a configuration file, and where in it something stands. Pure. */

export interface Place {
  readonly file: string;
  /** Both from 1 on, as editors count. */
  readonly line: number;
  readonly column: number;
}

export interface Source {
  readonly file: string;
  readonly text: string;
  placeOf(offset: number): Place;
}

export function sourceOf(file: string, text: string): Source {
  // Most files are read without a finding: where lines begin is asked for once there is one.
  let starts: readonly number[] | undefined;
  return {
    file,
    text,
    placeOf: (offset) => {
      starts ??= lineStarts(text);
      const index = lineAt(starts, offset);
      return { file, line: index + 1, column: offset - (starts[index] ?? 0) + 1 };
    },
  };
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The last line that begins at or before the offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A line of the text without its end, and the offset at which it begins. */
export interface Line {
  readonly text: string;
  readonly offset: number;
}

/** One by one: a file may be made of line breaks. */
export function* linesOf(text: string): Generator<Line, void> {
  for (let offset = 0; offset <= text.length; ) {
    const end = text.indexOf('\n', offset);
    const line = text.slice(offset, end < 0 ? text.length : end);
    yield { text: line.endsWith('\r') ? line.slice(0, -1) : line, offset };
    if (end < 0) return;
    offset = end + 1;
  }
}

/** A text of the file, and where it stands. */
export interface Placed<T = string> {
  readonly value: T;
  readonly at: Place;
}
