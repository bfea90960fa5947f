/** Fuzzing guided by coverage and by time: what reaches something new, or takes far longer, is kept and mutated further. */
import type { Random } from '../../src/traffic/random.ts';
import { INPUT_BYTES_MAX } from './target.ts';

export interface Guide {
  readonly random: Random;
  readonly words: readonly Uint8Array[];
  /** An input made from nothing. */
  readonly make: () => Uint8Array;
  /** Throws for a finding; gives the milliseconds that it took. */
  readonly run: (input: Uint8Array) => Promise<number>;
  /** What has run since it was asked last. */
  readonly reached: () => ReadonlySet<string>;
  /** Told of each input that is kept. */
  readonly onKept: (input: Uint8Array) => void;
}

export interface Progress {
  readonly executions: number;
  readonly kept: number;
  readonly blocks: number;
}

/** Asking what was reached costs more than most inputs: so many run before it is asked. */
const BATCH = 64;
/** Inputs that are made anew, of each batch; the others are mutations of what was kept. */
const FRESH = 16;
/** By so much must the slowest input be outdone, and no faster one is worth a thought. */
const SLOWER = 2;
const SLOW_MS = 4;

/** Runs the corpus, and then as long as `goesOn` says. */
export async function fuzz(corpus: readonly Uint8Array[], guide: Guide, goesOn: (progress: Progress) => boolean): Promise<Progress> {
  const kept: Uint8Array[] = [];
  // Of single inputs and of batches: together, inputs reach other combinations of blocks.
  const known = { alone: new Set<string>(), together: new Set<string>() };
  let executions = 0;
  let slowestMs = SLOW_MS;

  const keep = (input: Uint8Array): void => {
    kept.push(input);
    guide.onKept(input);
  };
  const keepIfNew = async (input: Uint8Array): Promise<void> => {
    guide.reached();
    await guide.run(input);
    executions += 1;
    if (addAll(known.alone, guide.reached())) keep(input);
  };
  const progress = (): Progress => ({ executions, kept: kept.length, blocks: known.alone.size });

  for (const input of corpus) await keepIfNew(input);
  while (goesOn(progress())) {
    const batch = Array.from({ length: BATCH }, (_, i) => (i < FRESH || kept.length === 0 ? guide.make() : mutate(kept, guide)));
    guide.reached();
    for (const input of batch) {
      const ms = await guide.run(input);
      if (ms < SLOWER * slowestMs) continue;
      slowestMs = ms;
      keep(input);
    }
    executions += batch.length;
    if (addAll(known.together, guide.reached())) for (const input of batch) await keepIfNew(input);
  }
  return progress();
}

/** Whether there was a new one among them. */
function addAll(known: Set<string>, more: ReadonlySet<string>): boolean {
  const before = known.size;
  for (const one of more) known.add(one);
  return known.size > before;
}

function mutate(kept: readonly Uint8Array[], { random, words }: Guide): Uint8Array {
  let input: Uint8Array = Buffer.from(oneOf(random, kept));
  for (let rest = 1 + random.below(4); rest > 0; rest -= 1) input = mutateOnce(input, kept, random, words);
  return input.subarray(0, INPUT_BYTES_MAX);
}

function mutateOnce(input: Uint8Array, kept: readonly Uint8Array[], random: Random, words: readonly Uint8Array[]): Uint8Array {
  const at = random.below(input.length + 1);
  const length = random.below(Math.min(input.length - at, 1 << random.below(8)) + 1);
  const replaced = (put: Uint8Array, taken = length): Uint8Array => Buffer.concat([input.subarray(0, at), put, input.subarray(at + taken)]);
  switch (random.below(8)) {
    case 0:
      return replaced(Buffer.alloc(0));
    case 1:
      return replaced(Buffer.of(random.below(256)), 1);
    case 2:
      return replaced(Buffer.of((input[at] ?? 0) ^ (1 << random.below(8))), 1);
    case 3:
      return replaced(oneOf(random, words), 0);
    case 4:
      return replaced(oneOf(random, words));
    // A piece of itself, once or very often.
    case 5:
      return replaced(repeated(input.subarray(at, at + length), random.below(8) === 0 ? 1 << random.below(17) : 1), 0);
    case 6: {
      const other = oneOf(random, kept);
      const from = random.below(other.length + 1);
      return replaced(other.subarray(from, from + 1 + random.below(64)));
    }
    default: {
      const other = oneOf(random, kept);
      return Buffer.concat([input.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    }
  }
}

function oneOf(random: Random, list: readonly Uint8Array[]): Uint8Array {
  return list[random.below(list.length)] ?? Buffer.alloc(0);
}

function repeated(piece: Uint8Array, times: number): Buffer {
  const most = Math.floor(INPUT_BYTES_MAX / Math.max(1, piece.length));
  return Buffer.concat(Array<Uint8Array>(Math.min(times, most)).fill(piece));
}

const SHORTENING_MS = 60_000;

/** The input without what is not needed to fail, as far as simple cuts show it in a minute. */
export async function shortened(input: Uint8Array, fails: (input: Uint8Array) => Promise<boolean>): Promise<Uint8Array> {
  const end = performance.now() + SHORTENING_MS;
  let best = Buffer.from(input);
  for (let size = best.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < best.length && performance.now() < end; ) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (await fails(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}
