/** argv -> options -> command -> report -> exit status. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { printable } from './collector/report/printable.ts';
import { declareProgram } from './commands/declare.ts';
import { EXIT, type ExitStatus, FanoutError } from './errors.ts';
import { packageRoot } from './package-root.ts';
import type { Host, TextStream } from './process/host.ts';
import { ownProcess } from './process/own-process.ts';

const version = packageVersion();
let isDecided = false;
// Before anything can fail: Node's own status for an uncaught error is 1, and that would read as a NO.
process.on('uncaughtException', (error) => quit(reportDefect(error)));
process.on('unhandledRejection', (reason) => quit(reportDefect(reason)));
process.on('exit', unlessDecided);

const interrupt = new AbortController();
/** What went wrong with standard output, other than that its reader has gone. */
let outputFailure: Error | undefined;
const host: Host = {
  version,
  stdout: textStream(process.stdout),
  stderr: textStream(process.stderr),
  environment: process.env,
  signal: interrupt.signal,
  ...ownProcess(interrupt.signal),
};

async function main(argv: readonly string[]): Promise<ExitStatus> {
  const status = await perform(argv);
  await flushed(process.stdout);
  return outputFailure === undefined ? status : statusOfFailure(unwritten(outputFailure));
}

async function perform(argv: readonly string[]): Promise<ExitStatus> {
  let status: ExitStatus | undefined;
  const program = declareProgram(host, (verdict) => {
    status = verdict;
  });
  try {
    await program.parseAsync(argv);
    if (status === undefined) throw new Error('the command ended without a status');
    return status;
  } catch (error) {
    return statusOfFailure(error);
  }
}

function statusOfFailure(error: unknown): ExitStatus {
  // Commander throws for --help and --version too, with exit code 0; its own 1 for typing errors would read as a verdict.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.yes : EXIT.usage;
  if (isOutOfFiles(error))
    return statusOfFailure(
      new FanoutError('TOO_LARGE', `no more files may be opened: ${error.message}`, 'raise the limit (ulimit -n), to 100 at least', {
        cause: error,
      }),
    );
  if (!(error instanceof FanoutError)) return reportDefect(error);
  host.stderr.write(`fanout-cluster: ${error.code}: ${printable(error.message)}\n  -> ${printable(error.remedy)}\n`);
  return error.exitStatus;
}

/** Parts of the program are loaded when they are needed, and any file may be one too many. */
function isOutOfFiles(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');
}

// The rest of this module may not be set yet, and whatever failed here would end with a status of Node's own.
function reportDefect(error: unknown): ExitStatus {
  try {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const where = `fanout-cluster ${version}, Node ${process.version}, Linux ${release()}`;
    process.stderr.write(
      `fanout-cluster: this is a defect of the tool, not a verdict. Please report it with all of this text:\n${where}\n`,
    );
    process.stderr.write(`${trace.split('\n').map(printable).join('\n')}\n`);
  } catch {
    // There is nobody to tell; the status does.
  }
  return EXIT.defect;
}

/** timeout(1) signals its child, and then the group of the child; some terminals and service managers do so too. That is one wish, heard twice. */
const SAME_WISH_MS = 1000;
let interruptedAtMs = 0;

/** The first signal ends the run with a verdict on what was seen; a later one does not wait for it. */
function interrupted(signal: NodeJS.Signals): void {
  if (!interrupt.signal.aborted) {
    interruptedAtMs = performance.now();
    interrupt.abort(signal);
    return;
  }
  if (performance.now() - interruptedAtMs < SAME_WISH_MS) return;
  const error = new FanoutError(
    'INTERRUPTED',
    `${signal} again before the run could end`,
    'give it a moment to close its sockets, or look whether a worker hangs',
  );
  quit(statusOfFailure(error));
}

// A run that waits for something that can never come leaves an empty event loop, and Node would exit with 0: a YES.
function unlessDecided(): void {
  if (!isDecided) process.exitCode = reportDefect(new Error('nothing is left to wait for, but the run has not ended'));
}

function quit(status: ExitStatus): never {
  isDecided = true;
  process.exit(status);
}

function textStream(stream: NodeJS.WriteStream): TextStream {
  let isClosed = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The reader (head, less) has gone, or the terminal. The verdict still stands in the exit status.
    const isReaderGone = error.code === 'EPIPE' || (error.code === 'EIO' && stream.isTTY);
    if (!isReaderGone && stream === process.stdout) outputFailure = error;
    isClosed = true;
  });
  return {
    isTerminal: stream.isTTY === true,
    columns: () => stream.columns,
    write: (text) => {
      if (!isClosed) stream.write(text);
    },
  };
}

/** Errors of earlier writes have been announced when this resolves. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => setImmediate(resolve)));
}

function unwritten(cause: Error): FanoutError {
  return new FanoutError('OUTPUT_UNWRITABLE', `cannot write to standard output: ${cause.message}`, 'see whether the disk is full', {
    cause,
  });
}

/** One directory above both src/ and dist/. */
function packageVersion(): string {
  const { version: text }: { version: string } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  return text;
}

process.on('SIGINT', interrupted);
process.on('SIGTERM', interrupted);
// The terminal has gone, or the connection to it.
process.on('SIGHUP', interrupted);
// The soft limit of CPU time (ulimit -t); the kernel kills at the hard one.
process.on('SIGXCPU', interrupted);
main(process.argv).then(quit);
