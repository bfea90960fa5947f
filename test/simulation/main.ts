/** npm run simulate: the simulation by hand. */
import { parseArgs } from 'node:util';
import { COMMAND_SEEDS, checkCommand, checkSeed, describeCommand, describeFinding, SEEDS } from './seeds.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '0' },
    /** Of commands instead of runs. */
    commands: { type: 'boolean', default: false },
    /** End at the first finding. */
    first: { type: 'boolean', default: false },
  },
});
process.on('unhandledRejection', (reason) => {
  console.error('unhandled rejection:', reason);
  process.exit(1);
});

/** What is wrong, and all that there is to see of it. */
async function check(seed: number): Promise<{ readonly failures: readonly string[]; readonly text: () => string }> {
  if (values.commands) {
    const finding = await checkCommand(seed);
    return { failures: finding.failures, text: () => describeCommand(finding) };
  }
  const finding = await checkSeed(seed);
  return { failures: finding.failures, text: () => describeFinding(finding) };
}

const seeds = Number(values.seeds ?? (values.commands ? COMMAND_SEEDS : SEEDS));
if (values.seed === undefined) process.exitCode = await explore(Number(values.from), seeds, values.first);
else {
  const { failures, text } = await check(Number(values.seed));
  console.log(text());
  process.exitCode = failures.length === 0 ? 0 : 1;
}

async function explore(from: number, count: number, endsAtFirst: boolean): Promise<number> {
  const begun = performance.now();
  const found: number[] = [];
  let done = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const { failures, text } = await check(seed);
    done += 1;
    if (failures.length === 0) continue;
    found.push(seed);
    console.log(text());
    if (endsAtFirst) break;
  }
  const ms = (performance.now() - begun) / done;
  console.log(
    `${done} seeds from ${from}, ${found.length} with findings${found.length > 0 ? ` (${found.slice(0, 20)})` : ''}; ${ms.toFixed(1)} ms each`,
  );
  return found.length === 0 ? 0 : 1;
}
