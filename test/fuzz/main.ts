/**
 * The long form of test/property/fuzz.test.ts: `npm run fuzz -- TARGET SECONDS`, and with `minimize` for SECONDS the found inputs that
 * reach something are added to the corpus. Inputs run in a thread of their own, so that one that never ends is found as well.
 */
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { createRandom } from '../../src/traffic/random.ts';
import { directoriesOf, keepInput, readCorpus } from './corpus.ts';
import { fuzz, type Progress, shortened } from './guided.ts';
import { Reach } from './reach.ts';
import { bytesOf, type FuzzTarget, INPUT_BYTES_MAX, PITFALLS, timed } from './target.ts';
import { TARGETS, targetNamed } from './targets.ts';

/** Inputs under way, so that the main thread can tell which one never ends. */
interface Shared {
  readonly started: Int32Array;
  readonly length: Int32Array;
  readonly input: Uint8Array;
}

const INPUTS_AT_A_TIME = 256;
/** Longer ones stay out of the corpus. */
const KEPT_BYTES_MAX = 16 * 1024;
const STALLED_S = 30;
const STATUS_MS = 10_000;
const SELF = fileURLToPath(import.meta.url);

function shared(buffer: SharedArrayBuffer): Shared {
  return { started: new Int32Array(buffer, 0, 1), length: new Int32Array(buffer, 4, 1), input: new Uint8Array(buffer, 8) };
}

// ---- the main thread: starts the other one, and watches it

function main(name: string, time: string, seed: number): void {
  targetNamed(name);
  const buffer = new SharedArrayBuffer(8 + INPUT_BYTES_MAX);
  const worker = new Worker(SELF, { workerData: { name, time, seed, buffer } });
  const { started, length, input } = shared(buffer);
  let [seen, seconds] = [0, 0];
  const watch = setInterval(() => {
    const now = Atomics.load(started, 0);
    seconds = now === seen ? seconds + 1 : 0;
    seen = now;
    if (seconds < STALLED_S || now === 0) return;
    const path = keepInput(directoriesOf(name).findings, input.slice(0, Math.min(Atomics.load(length, 0), INPUT_BYTES_MAX)));
    console.log(`no end within ${STALLED_S} s: ${path}`);
    process.exit(1);
  }, 1000);
  worker.on('message', (text: string) => console.log(text));
  worker.on('error', (error) => {
    throw error;
  });
  worker.on('exit', (status) => {
    clearInterval(watch);
    process.exitCode = status;
  });
}

// ---- the thread that runs the inputs

class Finding extends Error {
  readonly input: Uint8Array;

  constructor(input: Uint8Array, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.input = input;
  }
}

interface Work {
  readonly name: string;
  readonly time: string;
  readonly seed: number;
  readonly buffer: SharedArrayBuffer;
}

async function work({ name, time, seed, buffer }: Work, say: (text: string) => void): Promise<number> {
  const target = targetNamed(name);
  const { corpus, found, findings } = directoriesOf(name);
  const stored = [...readCorpus(corpus), ...readCorpus(found)];
  const isMinimizing = time === 'minimize';
  const reach = new Reach((url) => fileURLToPath(url.startsWith('file:') ? url : 'file:///') === SELF);
  const { started, length, input: current } = shared(buffer);
  const begun = performance.now();
  let toldMs = begun;
  const tell = ({ executions, kept, blocks }: Progress): void => {
    const seconds = (performance.now() - begun) / 1000;
    say(`${name}: ${executions} executions in ${seconds.toFixed(0)} s, ${kept} inputs kept, ${blocks} blocks`);
  };
  const run = (input: Uint8Array): Promise<number> => {
    current.set(input.subarray(0, INPUT_BYTES_MAX));
    Atomics.store(length, 0, input.length);
    Atomics.add(started, 0, 1);
    return timed(target, input).catch((cause: unknown) => {
      throw new Finding(input, cause);
    });
  };
  const guide = {
    random: createRandom(seed),
    words: [...PITFALLS, ...target.words].map(bytesOf),
    make: maker(target, seed),
    run,
    reached: () => reach.take(),
    onKept: (input: Uint8Array) => void keepInput(isMinimizing ? corpus : found, input),
  };
  const goesOn = (progress: Progress): boolean => {
    const now = performance.now();
    if (now - toldMs > STATUS_MS) {
      toldMs = now;
      tell(progress);
    }
    return !isMinimizing && now - begun < Number(time) * 1000;
  };
  try {
    // The shortest of those that reach the same is kept.
    const short = stored.filter((input) => input.length <= KEPT_BYTES_MAX).sort((a, b) => a.length - b.length);
    tell(await fuzz(isMinimizing ? short : stored, guide, goesOn));
    return 0;
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    say(`${name}: ${(error.cause as Error).stack ?? error.message}\nseed ${seed}: ${keepInput(findings, error.input)}`);
    const input = await shortened(error.input, (shorter) => failsAlike(shorter, error, run));
    say(`shortened to ${input.length} bytes: ${keepInput(findings, input)}`);
    say(JSON.stringify(Buffer.from(input).toString('latin1').slice(0, 2000)));
    return 1;
  } finally {
    reach.close();
  }
}

/** For the same reason, whatever numbers it tells. */
async function failsAlike(input: Uint8Array, first: Finding, run: (input: Uint8Array) => Promise<number>): Promise<boolean> {
  const reason = (finding: Finding): string => finding.message.replaceAll(/\d+/g, '');
  try {
    await run(input);
    return false;
  } catch (error) {
    return error instanceof Finding && reason(error) === reason(first);
  }
}

/** Inputs of the target's own making, one at a time. */
function maker({ inputs }: FuzzTarget, seed: number): () => Uint8Array {
  let [ready, round]: [Uint8Array[], number] = [[], 0];
  return () => {
    if (ready.length === 0) {
      ready = fc.sample(inputs, { numRuns: INPUTS_AT_A_TIME, seed: seed + round });
      round += 1;
    }
    return ready.pop() ?? new Uint8Array();
  };
}

if (isMainThread) {
  const [name, time = '60', seed = String(Date.now() % 2 ** 31)] = process.argv.slice(2);
  if (name === undefined) console.log(TARGETS.map((target) => target.name).join('\n'));
  else if (time === 'covers') console.log(targetNamed(name).covers.join('\n'));
  else main(name, time, Number(seed));
} else {
  process.exitCode = await work(workerData as Work, (text) => parentPort?.postMessage(text));
}
