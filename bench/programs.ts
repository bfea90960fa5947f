/** The two reference programs, with their results as types. */
import { fileURLToPath } from 'node:url';
import { numberAt } from './json.ts';
import { CAPTURED, GENERATOR_CPU, READER_CPU, SENDING } from './network.ts';
import { type Program, start, waitForSuccess, waitUntil } from './processes.ts';

// The bundle lies in bench/build, beside the programs.
const built = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface Ring {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly blockTimeoutMs: number;
}

/** What the reference reader and the tool are given alike. */
export interface Members {
  readonly procs: number;
  readonly ring: Ring;
}

export interface Traffic {
  readonly packets: number;
  readonly flows: number;
  /** Packets per second; 0 is as fast as the generator can. */
  readonly rate: number;
  readonly sizeMin: number;
  readonly sizeMax: number;
}

export interface Sent {
  readonly packets: number;
  readonly pps: number;
}

/** What a reader, the reference or the tool, made of a known number of packets. */
export interface ReaderRun {
  readonly sent: Sent;
  readonly captured: number;
  readonly dropped: number;
  /** CPU time of the processes that read, per packet captured. */
  readonly cpuNsPerPacket: number;
}

export function startGenerator(traffic: Traffic): Program {
  const { packets, flows, rate, sizeMin, sizeMax } = traffic;
  const numbers = { packets, flows, rate, size: sizeMin, 'size-max': sizeMax, cpu: GENERATOR_CPU };
  return start('generator', built('generator'), ['--interface', SENDING, ...options(numbers)]);
}

export async function send(traffic: Traffic): Promise<Sent> {
  const generator = startGenerator(traffic);
  await waitForSuccess(generator, 90_000);
  const result: unknown = JSON.parse(generator.output.stdout);
  return { packets: numberAt(result, 'sent'), pps: numberAt(result, 'pps') };
}

export const REFERENCE_MODES = { count: 1, table: 2, batch: 3 } as const;

export async function runReference(mode: keyof typeof REFERENCE_MODES, { procs, ring }: Members, traffic: Traffic): Promise<ReaderRun> {
  const numbers = {
    procs,
    mode: REFERENCE_MODES[mode],
    'block-size': ring.blockBytes,
    blocks: ring.blocks,
    'block-timeout': ring.blockTimeoutMs,
    'idle-ms': 200,
    seconds: 90,
    cpu: READER_CPU,
  };
  const reader = start('reference-reader', built('reference-reader'), ['--interface', CAPTURED, ...options(numbers)]);
  await waitUntil(reader, 'start of capture', 20_000, () => reader.output.stdout.includes('"ready"'));
  const sent = await send(traffic);
  await waitForSuccess(reader, 20_000);
  const result: unknown = JSON.parse(reader.output.stdout.trim().split('\n').at(-1) ?? '');
  const [captured, dropped] = [numberAt(result, 'packets'), numberAt(result, 'drops')];
  return { sent, captured, dropped, cpuNsPerPacket: numberAt(result, 'cpuNs') / captured };
}

function options(numbers: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
