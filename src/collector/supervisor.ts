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
   * @param socketDirectory where the collector will listen for it (server.ts); it need not exist yet
   * @param descriptors that it is born with, from WORKER_DESCRIPTORS.sockets on
   */
  start(index: number, socketDirectory: string, descriptors: readonly (number | undefined)[]): number;
  /** Sends SIGKILL to one worker that is no longer to be trusted. */
  kill(index: number): void;
  /** Resolves when all have ended: by themselves, or after SIGKILL at `graceMs`. They take no notice of any other signal. */
  ended(graceMs: number): Promise<void>;
}

export interface WorkersOptions {
  /** Of which each process holds one member. */
  readonly groups: number;
  readonly onExit: (exit: WorkerExit) => void;
  readonly program: WorkerProgram;
}

/**
 * No thread pool for V8 saves three threads a worker. Flags of V8 itself would make Node compile its own modules anew, as their cached code
 * is for V8's defaults: 6 ms a worker. A program that is given by descriptor has no path to be resolved. Without the policy Node 20 only warns of an exception in the doorbell's callback, and
 * the worker would live on without telling anything.
 */
const NODE_FLAGS = ['--v8-pool-size=0', '--force-node-api-uncaught-exceptions-policy=true', '--preserve-symlinks-main'];
/** A clean environment: NODE_OPTIONS may load anything, and NODE_EXTRA_CA_CERTS alone costs every start 30 ms. */
const KEPT_ENVIRONMENT = ['PATH', 'LANG', 'LC_ALL', 'TZ'];
/** What a filter on system calls does not see (native/host/seccomp.hpp). */
const NO_IO_URING = { UV_USE_IO_URING: '0' };

export function createWorkers({ groups, onExit, program }: WorkersOptions): Workers {
  const kept = Object.fromEntries(KEPT_ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
  const env = { ...kept, ...NO_IO_URING };
  const processes = new Map<number, ResultPromise>();
  const endings: Promise<void>[] = [];
  return {
    start: (index, socketDirectory, descriptors) => {
      const argv = [socketDirectory, index, process.pid, groups].map(String);
      const [script, addon] = program.descriptors ?? [];
      const started = execa(program.node, [...NODE_FLAGS, program.script, ...argv], {
        env,
        extendEnv: false,
        stdio: ['ignore', 'ignore', 'pipe', ...[script, addon, ...descriptors].map(inherited)],
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
    ended: async (graceMs) => {
      const kill = setTimeout(() => {
        for (const p of processes.values()) p.kill('SIGKILL');
      }, graceMs);
      await Promise.all(endings);
      clearTimeout(kill);
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
