/** What the collector can take: measured in a process of its own, because it is about memory. */
import { fileURLToPath } from 'node:url';
import * as goals from './goals.ts';
import { numberAt } from './json.ts';
import type { Plan } from './plan.ts';
import { start, waitForSuccess } from './processes.ts';
import { measured, type Row } from './row.ts';
import { ratios } from './spread.ts';

interface Ingest {
  readonly millionPerSecond: number;
  readonly bytesPerFlow: number;
}

type Subject = 'native' | 'javascript';

export async function collectorRows(plan: Plan): Promise<readonly Row[]> {
  const { live, memory } = plan.collectorFlows;
  const group = `collector, ${live} live flows`;
  const javascript: Ingest[] = [];
  const native: Ingest[] = [];
  const rows: Row[] = [];
  let missing: string | undefined;
  for (let i = 0; i < plan.repetitions; i++) {
    javascript.push(await ingest('javascript', live));
    if (missing !== undefined) continue;
    try {
      native.push(await ingest('native', live));
    } catch (error) {
      missing = error instanceof Error ? error.message : String(error);
    }
  }
  const rate = (list: readonly Ingest[]): readonly number[] => list.map((one) => one.millionPerSecond);
  rows.push(measured(group, 'JavaScript map, msgpackr', 'M tuples/s', rate(javascript)));
  if (missing !== undefined) return [...rows, { kind: 'missing', group, name: 'FlowMap', reason: missing }];
  const large = await ingest('native', memory);
  return [
    ...rows,
    measured(group, 'FlowMap', 'M tuples/s', rate(native), goals.collectorRate),
    measured(group, 'FlowMap / JavaScript map', 'ratio', ratios(rate(native), rate(javascript)), goals.collectorSpeedup),
    measured(`collector, ${memory} flows`, 'FlowMap', 'bytes/flow', [large.bytesPerFlow], goals.collectorMemory),
  ];
}

async function ingest(subject: Subject, flows: number): Promise<Ingest> {
  const script = fileURLToPath(new URL('collector.mjs', import.meta.url));
  const program = start(`collector bench (${subject})`, process.execPath, ['--expose-gc', script, subject, String(flows)]);
  await waitForSuccess(program, 90_000);
  const result: unknown = JSON.parse(program.output.stdout);
  return { millionPerSecond: numberAt(result, 'millionPerSecond'), bytesPerFlow: numberAt(result, 'bytesPerFlow') };
}
