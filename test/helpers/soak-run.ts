/** npm run soak [duration]: prints a table while it runs; exits with 1 if anything is not as it should be. */
import { duration } from '../../src/options/values.ts';
import { refuseHostNamespace } from './lab.ts';
import { faultsOf, growthPerHour, type Sample, type SoakPlan, soak } from './soak.ts';

/** Tables are full by then: of the workers at 4000 flows a second each, and so long before that the collector's. */
const WARM_UP_SECONDS = 300;

function planFor(seconds: number): SoakPlan {
  const flows = { connections: 120, odd: 20, flood: 12_000 };
  return {
    seconds,
    procs: 3,
    // What stays for good in that time, and as much again that comes and goes.
    flowMemoryMiB: Math.max(128, Math.ceil((seconds * (flows.connections + flows.odd) * 2.5 * 165) / 2 ** 20)),
    flows,
    sampleMs: 5000,
    seed: Date.now() % 1e9,
    warmUpSeconds: Math.min(WARM_UP_SECONDS, seconds / 2),
    // Sightings and fragments go on filling the tables that were reserved for them.
    ...(seconds >= 3 * WARM_UP_SECONDS ? { growthMiBPerHourMax: 16 } : {}),
  };
}

const cell = (value: string | number) => String(value).padStart(12);
const mebibytes = (value: number) => value.toFixed(1);

/** So that an hour fits a screen or two. */
const LINES = 60;
let printedAt = 0;

function print({ seconds, sent, collectorMiB, workersMiB, descriptors }: Sample): void {
  if (seconds < printedAt + printEvery) return;
  printedAt = seconds;
  const files = descriptors.join(' ');
  console.log([seconds.toFixed(0), sent, mebibytes(collectorMiB), ...workersMiB.map(mebibytes), files].map(cell).join(''));
}

refuseHostNamespace();
const plan = planFor(duration('duration', process.argv[2] ?? '1h', { least: 120_000, most: 70 * 3_600_000 }) / 1000);
const printEvery = plan.seconds / LINES;
console.log(
  `${plan.seconds} s, ${plan.procs} workers, --flow-memory ${plan.flowMemoryMiB}M, seed ${plan.seed}, fresh flows a second: ${JSON.stringify(plan.flows)}`,
);
console.log(['seconds', 'sent', 'collector', ...Array.from({ length: plan.procs }, (_, i) => `worker ${i}`), 'files'].map(cell).join(''));
const result = await soak(plan, print);
const { report, samples } = result;
const settled = samples.filter(({ seconds }) => seconds >= plan.warmUpSeconds);
const growth = (of: (sample: Sample) => number) => mebibytes(growthPerHour(settled, settled.map(of)));
console.log(
  `growth after ${plan.warmUpSeconds} s: collector ${growth((s) => s.collectorMiB)} MiB an hour, largest worker ${growth((s) => Math.max(...s.workersMiB))}`,
);
console.log(
  JSON.stringify({
    verdict: report.verdict.answer,
    sent: result.sent,
    packets: report.packets,
    flows: report.flows,
    twoWaySent: result.twoWaySent,
  }),
);
for (const { code, message } of report.warnings) console.log(`${code}: ${message}`);
const faults = faultsOf(result);
for (const fault of faults) console.log(`FAULT ${fault}`);
console.log(faults.length === 0 ? 'nothing is off' : `${faults.length} things are off`);
process.exitCode = faults.length === 0 ? 0 : 1;
