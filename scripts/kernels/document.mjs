// docs/kernels.md: its tables are made of the last results of each kernel.
import { cellsOf, reasonFor } from './rows.mjs';

const BEGIN = '<!-- begin of what npm run kernels wrote -->';
const END = '<!-- end of what npm run kernels wrote -->';

/** @param results of kernels in the order of the columns */
export function withTables(text, results) {
  const [before, after] = [text.split(BEGIN)[0], text.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error('docs/kernels.md has no place for the tables');
  return `${before}${BEGIN}\n\n${tables(results)}\n${END}${after}`;
}

function tables(results) {
  const columns = results.map(({ kernel, records }) => ({ head: headOf(kernel, records), cells: cellsOf(records) }));
  const rows = [...new Set(columns.flatMap(({ cells }) => [...cells.keys()]))];
  const isOfMatrix = (row) => /, (hash|lb|cpu|rollover|rnd|qm)(\+defrag)?$/.test(row);
  const isDifferent = (row) => new Set(columns.map(({ cells }) => cells.get(row)).filter((cell) => cell !== undefined)).size > 1;
  const runs = rows.filter((row) => !isOfMatrix(row));
  const cellsThatDiffer = rows.filter((row) => isOfMatrix(row) && isDifferent(row));
  const alike = rows.filter((row) => isOfMatrix(row) && !isDifferent(row)).length;
  return [
    '### Runs and answers of the kernel\n',
    table(
      [...['', ...columns.map(({ head }) => head), 'why they differ']],
      runs.map((row) => line(row, columns, isDifferent(row))),
    ),
    `### Cells of the matrix\n\n${alike} cells are alike on all kernels that have them; these are not:\n`,
    table(
      ['class, mode', ...columns.map(({ head }) => head), 'why they differ'],
      cellsThatDiffer.map((row) => line(row, columns, true)),
    ),
  ].join('\n');
}

function line(row, columns, isDifferent) {
  return [row, ...columns.map(({ cells }) => cells.get(row) ?? '-'), isDifferent ? reasonFor(row) : ''];
}

/** What it says that it is; of those built here also what was made of it. */
function headOf({ name, build }, records) {
  const release = records.find(({ step }) => step === 'kernel')?.release ?? '?';
  return build === undefined ? release : `${name}, says ${release}`;
}

function table(head, rows) {
  return `${[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}
