/** Starts groups under traffic over and over and prints a table; exits with 1 if any start accused a flow. */
import { refuseHostNamespace } from './lab.ts';
import { RATES, type Rate, start, underTraffic, violationsOf } from './starts.ts';

interface Row {
  yes: number;
  inconclusive: number;
  no: number;
  violations: number;
  slowestMs: number;
  /** Why starts were no YES. */
  readonly why: Set<string>;
}

async function soak(rate: Rate, procs: number, starts: number): Promise<Row> {
  const row: Row = { yes: 0, inconclusive: 0, no: 0, violations: 0, slowestMs: 0, why: new Set() };
  await underTraffic(rate, async (interfaceName) => {
    for (let i = 0; i < starts; i += 1) {
      const begun = performance.now();
      const report = await start(interfaceName, procs);
      row[report.verdict.answer] += 1;
      row.violations += violationsOf(report);
      if (report.verdict.answer !== 'yes') for (const { code, message } of report.verdict.reasons) row.why.add(`${code}: ${message}`);
      row.slowestMs = Math.max(row.slowestMs, Math.round(performance.now() - begun));
    }
  });
  return row;
}

refuseHostNamespace();
const starts = Number(process.argv[2] ?? 50);
const cell = (value: string | number) => String(value).padStart(13);
console.log(['rate', 'processes', 'starts', 'yes', 'inconclusive', 'no', 'violations', 'slowest ms'].map(cell).join(''));
let accused = 0;
for (const rate of Object.keys(RATES) as Rate[])
  for (const procs of [8, 64]) {
    const row = await soak(rate, procs, starts);
    accused += row.no + row.violations;
    console.log([rate, procs, starts, row.yes, row.inconclusive, row.no, row.violations, row.slowestMs].map(cell).join(''));
    for (const reason of row.why) console.log(`    ${reason}`);
  }
process.exitCode = accused === 0 ? 0 : 1;
