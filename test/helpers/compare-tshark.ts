/**
 * npm run compare:tshark [-- [-d RULE]... FILE...]: the program's dissector beside tshark's, packet by packet (docs/testing.md).
 * Without files: everything that the lab's generator makes, and all that the dissector is tested with.
 */
import { parseArgs } from 'node:util';
import { type Comparison, compareFlows, differenceText, writeOwnCaptures } from './flow-comparison.ts';
import { temporaryDirectory } from './programs.ts';

const SHOWN_MAX = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'decode-as': { type: 'string', short: 'd', multiple: true } },
});
const scratch = temporaryDirectory();
const rules = values['decode-as'] ?? [];
const captures = positionals.length > 0 ? positionals.map((path) => ({ name: path, path, rules })) : writeOwnCaptures(scratch.path);

const isGood = captures
  .map(({ name, path, rules }) => {
    const comparison = compareFlows(path, rules);
    print(name, comparison);
    return comparison.unexplained.length === 0;
  })
  .every(Boolean);
scratch.remove();
process.exitCode = isGood ? 0 : 1;

function print(name: string, { packets, agreed, designed, unexplained }: Comparison): void {
  console.log(
    `${name}: ${packets} packets, ${agreed} the same, ${packets - agreed - unexplained.length} by design, ${unexplained.length} not`,
  );
  for (const [reason, count] of designed) console.log(`  by design: ${count} ${reason}`);
  for (const difference of unexplained.slice(0, SHOWN_MAX)) console.log(`  ${differenceText(difference).replaceAll('\n', '\n  ')}`);
  if (unexplained.length > SHOWN_MAX) console.log(`  and ${unexplained.length - SHOWN_MAX} more`);
}
