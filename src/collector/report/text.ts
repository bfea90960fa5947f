/** A report as text for people. ASCII only: it lines up on every terminal. */
import type { Bars, Block, Counters, Document, HeatCell, HeatColumn, HeatMap, Item, Section, Table, Terms, Tone } from './document.ts';
import { bar, type Paint, paint, type Style, table, wrap } from './layout.ts';
import { printable } from './printable.ts';

export function renderText({ sections, isBrief = false }: Document, style: Style): string {
  const parts = sections.map((section) => sectionLines(section, style)).filter((lines) => lines.length > 0);
  return `${parts.map((lines) => lines.join('\n')).join(isBrief ? '\n' : '\n\n')}\n`;
}

/** What stands under a title is set in. */
function sectionLines({ title, blocks }: Section, style: Style): readonly string[] {
  const indent = title === undefined ? '' : '  ';
  const lines = blocks.flatMap((block) => blockLines(block, indent, style));
  return title === undefined ? lines : [printable(title), ...lines];
}

function blockLines(block: Block, indent: string, style: Style): readonly string[] {
  switch (block.kind) {
    case 'paragraph': {
      const { text, lead = '', tone, isUnbroken = false } = block;
      const lines = isUnbroken ? [`${indent}${lead}${printable(text)}`] : wrap(printable(text), `${indent}${printable(lead)}`, style);
      return lines.map((line) => toned(line, tone, style));
    }
    case 'finding': {
      const { label, message, remedy, isSetIn = false } = block;
      const lead = isSetIn ? `${indent}  ` : indent;
      const lines = wrap(printable(`${label}: ${message}`), lead, style);
      return remedy === undefined ? lines : [...lines, ...wrap(printable(remedy), `${lead}  -> `, style)];
    }
    case 'table':
      return tableLines(block, style).map((line) => `${indent}${line}`);
    case 'counters':
      return counterLines(block, indent, style);
    case 'bars':
      return barLines(block, indent, style);
    case 'item':
      return itemLines(block, indent, style);
    case 'terms':
      return termLines(block, indent, style);
    case 'heat-map':
      return heatMapLines(block, style);
  }
}

const PAINTS: Readonly<Record<Tone, Paint>> = { good: 'green', bad: 'red', doubtful: 'yellow', strong: 'bold', quiet: 'dim' };

function toned(text: string, tone: Tone | undefined, style: Style): string {
  return tone === undefined ? text : paint(text, PAINTS[tone], style);
}

function tableLines({ head, rows, left, isHeadStrong = false, tones }: Table, style: Style): readonly string[] {
  const all = [...(head === undefined ? [] : [head]), ...rows].map((row) => row.map(printable));
  const lines = table(all, left);
  const heading = head === undefined ? [] : [toned(lines[0] ?? '', isHeadStrong ? 'strong' : undefined, style)];
  return [
    ...heading,
    ...lines.slice(heading.length).map((line, i) => {
      const mark = tones?.[i];
      return mark === undefined ? line : line.replace(mark.word, toned(mark.word, mark.tone, style));
    }),
  ];
}

function counterLines({ rows }: Counters, indent: string, style: Style): readonly string[] {
  const leads = table(
    rows.map(([name, value]) => [name, value]),
    [0],
  );
  return rows.flatMap(([, , note], i) => wrap(printable(note), `${indent}${leads[i]}  `, style));
}

const BAR_WIDTH_MAX = 40;

function barLines({ rows }: Bars, indent: string, style: Style): readonly string[] {
  const leads = table(
    rows.map(({ cells }) => cells.map(printable)),
    [0],
  );
  const most = Math.max(...rows.map(({ value }) => value));
  const room = Math.min(BAR_WIDTH_MAX, style.width - Math.max(...leads.map((lead) => lead.length)) - indent.length - 2);
  return rows.map(({ value }, i) => `${indent}${leads[i]}  ${toned(bar(value, most, room), 'quiet', style)}`.trimEnd());
}

function itemLines({ text, table: figures, more }: Item, indent: string, style: Style): readonly string[] {
  return [
    ...wrap(printable(text), indent, style),
    ...tableLines(figures, style).map((line) => `${indent}  ${line}`),
    ...(more === undefined ? [] : [`${indent}  ${printable(more)}`]),
  ];
}

function termLines({ terms }: Terms, indent: string, style: Style): readonly string[] {
  const width = Math.max(...terms.map(({ term }) => term.length));
  return terms.flatMap(({ term, meaning }) => wrap(printable(meaning), `${indent}${printable(term).padEnd(width)}  `, style));
}

// ---- the heat map: one table where it fits, with as much in its cells as there is room for; else one below the other

type Detail = 'cause' | 'count' | 'word';

/** A column as it is drawn. */
interface Drawn {
  readonly heading: readonly string[];
  readonly texts: readonly string[];
  readonly tones: readonly (Tone | undefined)[];
  readonly width: number;
}

function heatMapLines({ heading, names, columns }: HeatMap, style: Style): readonly string[] {
  const first = drawn([heading], names.map(printable));
  for (const detail of ['cause', 'count', 'word'] as const) {
    const all = columns.map((column) => drawnAs(column, detail));
    if (widthOf([first, ...all], gapOf(detail)) <= style.width) return drawTable(first, all, gapOf(detail), style);
  }
  const narrow = columns.map((column) => drawnAs(column, 'word'));
  return blocksOf(first, narrow, style).flatMap((block, i) => [...(i === 0 ? [] : ['']), ...drawTable(first, block, gapOf('word'), style)]);
}

/** A narrow table has no room to waste. */
function gapOf(detail: Detail): number {
  return detail === 'word' ? 1 : 2;
}

function drawn(heading: readonly string[], texts: readonly string[], tones: readonly (Tone | undefined)[] = []): Drawn {
  return { heading, texts, tones, width: Math.max(...[...heading, ...texts].map((text) => text.length)) };
}

function drawnAs({ label, cells }: HeatColumn, detail: Detail): Drawn {
  // In a narrow table the flags stand under their mode.
  const heading = detail === 'word' ? label.split(/(?=\+)/) : [label];
  return drawn(
    heading,
    cells.map((cell: HeatCell) => printable(cell[detail])),
    cells.map(({ tone }) => tone),
  );
}

function widthOf(columns: readonly Drawn[], gap: number): number {
  return columns.reduce((sum, { width }) => sum + width, 0) + gap * (columns.length - 1);
}

/** As many columns as fit beside the names, and at least one, however narrow the terminal is. */
function blocksOf(names: Drawn, columns: readonly Drawn[], { width }: Style): readonly (readonly Drawn[])[] {
  const blocks: Drawn[][] = [];
  for (const next of columns) {
    const block = blocks.at(-1);
    if (block !== undefined && widthOf([names, ...block, next], gapOf('word')) <= width) block.push(next);
    else blocks.push([next]);
  }
  return blocks;
}

function drawTable(names: Drawn, columns: readonly Drawn[], gap: number, style: Style): readonly string[] {
  const all = [names, ...columns];
  const headings = Math.max(...all.map(({ heading }) => heading.length));
  const line = (text: (column: Drawn) => string, tone: (column: Drawn) => Tone | undefined) =>
    all
      .map((one, i) => {
        const padding = i === all.length - 1 ? '' : ' '.repeat(one.width - text(one).length + gap);
        return (text(one) === '' ? '' : toned(text(one), tone(one), style)) + padding;
      })
      .join('')
      .trimEnd();
  return [
    ...Array.from({ length: headings }, (_, row) =>
      line(
        ({ heading }) => heading[row] ?? '',
        () => 'strong',
      ),
    ),
    ...names.texts.map((_, row) =>
      line(
        ({ texts }) => texts[row] ?? '',
        ({ tones }) => tones[row],
      ),
    ),
  ];
}
