/** Starts worker processes and sees them out. Knows processes, not packets. */
import type { Readable } from 'node:stream';
import { execa, type ResultPromise } from 'execa';
import type { WorkerProgram } from './worker-program.ts';

export interface WorkerExit {
  readonly index: number;
  /** "exit status 1", "signal SIGKILL", "could not be started: ..." with the last line of its standard error, if any. */
  readonly end: string;
  /** Whether it ended by itself with status 0. */
  readonly orderly: boolean;
}

export interface Workers {
  /**
   * Starts one more process; its pid, or 0 if that failed, which `onExit` will tell about.
   * @param descriptors that it is born with, from WORKER_DESCRIPTORS.channel on
   */
  start(index: number, descriptors: readonly number[]): number;
  /** Sends SIGKILL to one worker that is no longer to be trusted. */
  kill(index: number): void;
  /** Resolves when all have ended: by themselves, or after SIGKILL. They take no notice of any other signal. */
  ended(): Promise<void>;
}

export interface WorkersOptions {
  /** Of which each process holds one member. */
  readonly groups: number;
  readonly onExit: (exit: WorkerExit) => void;
  readonly program: WorkerProgram;
}

/**
 * No thread pool for V8 saves three threads a worker. A program that is given by descriptor has no path to be resolved. Without the policy Node 20 only warns of an exception in the doorbell's callback, and
 * the worker would live on without telling anything.
 */
const NODE_FLAGS = [
  '--v8-pool-size=0',
  // No code is made at run time, so that a filter can refuse memory that is executed (native/host/seccomp.hpp): nothing here runs often enough.
  '--jitless',
  '--no-expose-wasm',
  '--force-node-api-uncaught-exceptions-policy=true',
  '--preserve-symlinks-main',
];
/**
 * All of it: LD_PRELOAD and NODE_OPTIONS load anything, NODE_EXTRA_CA_CERTS alone costs every start 30 ms, and a worker has no use for the rest.
 * io_uring would do what a filter on system calls does not see (native/host/seccomp.hpp).
 */
const ENVIRONMENT = { UV_USE_IO_URING: '0' };

export function createWorkers({ groups, onExit, program }: WorkersOptions): Workers {
  const { starter, node, script, addon } = program.descriptors;
  const processes = new Map<number, ResultPromise>();
  const endings: Promise<void>[] = [];
  return {
    start: (index, descriptors) => {
      const argv = [index, process.pid, groups].map(String);
      const started = execa(program.file, [...program.leading, ...NODE_FLAGS, program.script, ...argv], {
        env: ENVIRONMENT,
        extendEnv: false,
        // The current directory may have been deleted.
        cwd: '/',
        stdio: ['ignore', 'ignore', 'pipe', ...[starter, node, script, addon, ...descriptors].map(inherited)],
        // Collecting output in the library costs milliseconds a process; a few hundred bytes of last words are all that is wanted.
        buffer: false,
        reject: false,
        cleanup: false,
      }) as ResultPromise;
      processes.set(index, started);
      const lastWords = listenTo(started.stderr);
      endings.push(
        started.then((result) => {
          onExit({ index, end: describeEnd(result, lastWords()), orderly: result.exitCode === 0 });
        }),
      );
      return started.pid ?? 0;
    },
    kill: (index) => void processes.get(index)?.kill('SIGKILL'),
    ended: async () => {
      await Promise.all(endings);
    },
  };
}

/** The library passes on any descriptor; its types know the first ten. */
function inherited(descriptor: number | undefined): 3 | 'ignore' {
  return descriptor === undefined ? 'ignore' : (descriptor as 3);
}

const LAST_WORDS_MAX = 4096;

/** Keeps the end of what a process says, however much it says. */
function listenTo(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    text = (text + chunk).slice(-LAST_WORDS_MAX);
  });
  return () => text;
}

interface Ended {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly originalMessage?: string | undefined;
}

function describeEnd({ exitCode, signal, originalMessage }: Ended, lastWords: string): string {
  const how =
    signal !== undefined
      ? `signal ${signal}`
      : exitCode !== undefined
        ? `exit status ${exitCode}`
        : `could not be started: ${originalMessage ?? 'unknown reason'}`;
  const lines = lastWords.trim().split('\n');
  // Of a stack trace, the line that names the error.
  const said = lines.find((line) => /^\w*Error\b|^FATAL/.test(line)) ?? lines.at(-1) ?? '';
  return said === '' ? how : `${how}: ${said.trim()}`;
}
