/** What choosing a member costs: the modes that hash, the built-in programs and the flow dissector, beside mode cpu, which hardly looks. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plan } from './plan.ts';
import { start, waitForSuccess } from './processes.ts';
import { measured, type Row } from './row.ts';

/** Made by `make -C native/test figures`, which run.mjs does; this file is bundled to bench/build. */
const FIGURES = join(dirname(fileURLToPath(import.meta.url)), '../../native/build/plain/steering_figures');
const LIMIT_MS = 300_000;
const BASE = 'cpu';

interface ModeCost {
  readonly traffic: string;
  readonly mode: string;
  /** Of each repetition. */
  readonly ns: readonly number[];
}

interface Figures {
  readonly modes: readonly ModeCost[];
  /** Of the program alone, over one packet again and again (BPF_PROG_TEST_RUN). */
  readonly runs: readonly { readonly packet: string; readonly addresses: number; readonly ports: number }[];
}

export async function steeringRows({ steering: { packets, repetitions } }: Plan): Promise<readonly Row[]> {
  const program = start('steering_figures', FIGURES, ['cost', `${packets}`, `${repetitions}`]);
  await waitForSuccess(program, LIMIT_MS);
  return rowsOf(JSON.parse(program.output.stdout) as Figures);
}

export function rowsOf({ modes, runs }: Figures): readonly Row[] {
  const base = new Map(modes.filter(({ mode }) => mode === BASE).map(({ traffic, ns }) => [traffic, ns]));
  const rows = modes.map(({ traffic, mode, ns }) => {
    if (mode === BASE) return measured(`steering, ${traffic}`, 'mode cpu, the whole way', 'ns/packet', ns);
    const beside = base.get(traffic) ?? [];
    const above = ns.map((value, i) => value - (beside[i] ?? Number.NaN));
    return measured(`steering, ${traffic}`, `${mode}, above cpu`, 'ns/packet', above);
  });
  const alone = runs.flatMap(({ packet, addresses, ports }) => [
    measured('steering program alone, warm', `${packet}, addresses`, 'ns/packet', [addresses]),
    measured('steering program alone, warm', `${packet}, ports`, 'ns/packet', [ports]),
  ]);
  return [...rows, ...alone];
}
