/** npm run simulate: the simulation by hand. */
import { parseArgs } from 'node:util';
import { checkSeed, describeFinding, SEEDS } from './seeds.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: String(SEEDS) },
    from: { type: 'string', default: '0' },
    /** End at the first finding. */
    first: { type: 'boolean', default: false },
  },
});
process.on('unhandledRejection', (reason) => {
  console.error('unhandled rejection:', reason);
  process.exit(1);
});

if (values.seed === undefined) process.exitCode = await explore(Number(values.from), Number(values.seeds), values.first);
else {
  const finding = await checkSeed(Number(values.seed));
  console.log(describeFinding(finding));
  process.exitCode = finding.failures.length === 0 ? 0 : 1;
}

async function explore(from: number, seeds: number, endsAtFirst: boolean): Promise<number> {
  const begun = performance.now();
  const found: number[] = [];
  let done = 0;
  for (let seed = from; seed < from + seeds; seed += 1) {
    const finding = await checkSeed(seed);
    done += 1;
    if (finding.failures.length === 0) continue;
    found.push(seed);
    console.log(describeFinding(finding));
    if (endsAtFirst) break;
  }
  const ms = (performance.now() - begun) / done;
  console.log(
    `${done} seeds from ${from}, ${found.length} with findings${found.length > 0 ? ` (${found.slice(0, 20)})` : ''}; ${ms.toFixed(1)} ms each`,
  );
  return found.length === 0 ? 0 : 1;
}
