/** Lines, columns, bars and colours of the terminal reports. ASCII only: it lines up on every terminal. */

export interface Style {
  readonly width: number;
  readonly color: boolean;
}

export const DEFAULT_WIDTH = 80;
const WIDTH_MIN = 40;

/** A style that can be drawn: terminals that report nonsense, such as 0 columns, get the default. */
export function styleFor(columns: number | undefined, color: boolean): Style {
  const isUsable = columns !== undefined && Number.isInteger(columns) && columns > 0;
  return { width: isUsable ? Math.max(columns, WIDTH_MIN) : DEFAULT_WIDTH, color };
}

const SGR = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33' } as const;
export type Paint = keyof typeof SGR;

export function paint(text: string, color: Paint, style: Style): string {
  return style.color ? `\u001b[${SGR[color]}m${text}\u001b[0m` : text;
}

/** Breaks text at spaces; the first line begins with `lead`, the others with as many spaces. A word that is too long keeps its line. */
export function wrap(text: string, lead: string, style: Style): readonly string[] {
  const room = Math.max(style.width - lead.length, 20);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((part, index) => (index === 0 ? lead : ' '.repeat(lead.length)) + part);
}

/** Filled in proportion to value/most; anything above zero shows at least one mark. */
export function bar(value: number, most: number, width: number): string {
  if (width <= 0 || most <= 0 || value <= 0) return '';
  return '#'.repeat(Math.min(width, Math.max(1, Math.round((value / most) * width))));
}

/** Columns right-aligned, except those named in `left`; every row as wide as the widest cell. */
export function table(rows: readonly (readonly string[])[], left: readonly number[]): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const padded = (cell: string, column: number) =>
    left.includes(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(padded).join('  ').trimEnd());
}
