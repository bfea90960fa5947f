/** argv -> options -> command -> report -> exit status. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { printable } from './collector/report/printable.ts';
import { churnCommand } from './commands/churn/command.ts';
import { compareCommand } from './commands/compare/command.ts';
import { matrixCommand } from './commands/matrix/command.ts';
import { predictCommand } from './commands/predict/command.ts';
import { raceCommand } from './commands/race/command.ts';
import { runCommand } from './commands/run/command.ts';
import { scaleCommand } from './commands/scale/command.ts';
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
  const program = buildProgram((verdict) => {
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

function buildProgram(done: (status: ExitStatus) => void): Command {
  const loadRun = async () => ({ ...(await import('./collector/run/run.ts')), ...(await import('./collector/run/provisions.ts')) });
  const run = runCommand(host, loadRun, done);
  const loadMatrix = async () => ({ ...(await loadRun()), ...(await import('./commands/matrix/matrix.ts')) });
  const matrix = matrixCommand(host, loadMatrix, done);
  const loadCompare = async () => ({
    ...(await loadRun()),
    ...(await import('./commands/compare/compare.ts')),
    ...(await import('./commands/compare/own-load.ts')),
  });
  const compare = compareCommand(host, loadCompare, done);
  const loadChurn = async () => ({ ...(await loadRun()), ...(await import('./commands/churn/churn.ts')) });
  const churn = churnCommand(host, loadChurn, done);
  const loadScale = async () => ({ ...(await loadRun()), ...(await import('./commands/scale/scale.ts')) });
  const scale = scaleCommand(host, loadScale, done);
  const loadRace = async () => ({ ...(await loadRun()), ...(await import('./commands/race/race.ts')) });
  const race = raceCommand(host, loadRace, done);
  const loadPredict = async () => ({ ...(await import('./commands/predict/predict.ts')), ...(await import('./lab/kernel-probe.ts')) });
  const predict = predictCommand(host, loadPredict, done);
  const program = new Command('fanout-cluster')
    .description('Can a multi-process IDS trust AF_PACKET fanout here? YES, NO or INCONCLUSIVE, with evidence.')
    .version(version, '-V, --version', 'print the version')
    .hook('preAction', checkSystemCalls)
    .addHelpText('after', () => `\n${run.helpInformation()}${EXAMPLES}`);
  program.addCommand(run, { isDefault: true });
  for (const command of [compare, matrix, predict, churn, scale, race]) program.addCommand(command);
  const exits = [
    [run, EXAMPLES],
    [compare, exitText('0 a mode kept all flows, 1 none did', '3 nothing is shown')],
    [matrix, exitText('0 measured', '3 measured, but not all of it can be trusted')],
    [predict, PREDICT_HELP],
    [churn, exitText('0 measured, and as the code of the kernel has it', '3 not as expected, or not all measured')],
    [race, '\nExit status: 0 shown, 2 usage, 4 cannot run, 70 defect of this tool.\n'],
    [scale, exitText('0 measured', '3 measured, but not all of it can be trusted')],
  ] as const;
  for (const [command, text] of exits) command.addHelpText('after', text);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().helpOption('-h, --help', 'print this help').showHelpAfterError('fanout-cluster --help lists the options');
    // Messages repeat what was typed, and that may be anything.
    command.configureOutput({ outputError: (text, write) => write(`${text.trimEnd().split('\n').map(printable).join('\n')}\n`) });
  }
  return program;
}

/** Once a command needs the addon; --help and --version do not. */
async function checkSystemCalls(): Promise<void> {
  (await import('./host/system-calls.ts')).checkSystemCalls();
}

const EXAMPLES = `
Examples:
  sudo fanout-cluster --procs 16                                  the lab: does this kernel keep flows together?
  sudo fanout-cluster -i eth0 --procs 16 --mode hash              live traffic, as 16 IDS workers would see it
  sudo fanout-cluster -i eth0 -n 8 -m qm --duration 1m --json run.json
  sudo fanout-cluster compare -i eth0 --procs 16                  which mode? all of them on the same packets
  fanout-cluster matrix                                           every class of traffic in every mode: what is safe on this kernel
  fanout-cluster scale --procs 1,2,4,8,16                         rate, loss, balance and cost as the group grows
  fanout-cluster predict trace.pcap                               no privileges: which flows mode hash must split, and why
  sudo fanout-cluster -n 4 -m cbpf --cbpf-program steering.txt

Exit status: 0 yes, 1 no, 2 usage, 3 inconclusive, 4 cannot run, 70 defect of this tool.
`;

function exitText(answers: string, inconclusive: string): string {
  return `\nExit status: ${answers}, 2 usage, ${inconclusive}, 4 cannot run, 70 defect of this tool.\n`;
}

const PREDICT_HELP = `
Exit status: 0 nothing must be split, 1 some flows must be, 2 usage or a file that cannot be read, 3 no flow that could show it,
4 ended by a signal before anything was read, 70 defect of this tool.
`;

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
