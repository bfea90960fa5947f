/** Starting programs and reading what the kernel knows about them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

// A file of extra certificates makes every start of node 30 ms longer, and NODE_OPTIONS would reach the programs under test.
const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'] };

/** A started program. Its output is kept, because the result is on stdout and the reason of a failure on stderr. */
export interface Program {
  readonly name: string;
  readonly child: ChildProcess;
  readonly pid: number;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number>;
}

export function start(name: string, command: string, args: readonly string[]): Program {
  const child = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr = (output.stderr + text).slice(-4000);
  });
  const ended = once(child, 'close').then(([status]: unknown[]) => (typeof status === 'number' ? status : 128));
  ended.catch(() => undefined);
  return { name, child, pid: child.pid ?? -1, output, ended };
}

/** The exit status, or an error after the limit: nothing that hangs may hang the bench. */
export async function waitForEnd(program: Program, limitMs: number): Promise<number> {
  const cancel = new AbortController();
  const limit = delay(limitMs, undefined, { signal: cancel.signal }).catch(() => undefined);
  const status = await Promise.race([program.ended, limit]);
  cancel.abort();
  if (typeof status === 'number') return status;
  program.child.kill('SIGKILL');
  throw new Error(`${program.name} did not end within ${limitMs} ms${tail(program)}`);
}

export async function waitForSuccess(program: Program, limitMs: number): Promise<void> {
  const status = await waitForEnd(program, limitMs);
  if (status !== 0) throw new Error(`${program.name} ended with status ${status}${tail(program)}`);
}

/** Waits until `done` says so; fails at once when the program ends before. */
export async function waitUntil(program: Program, what: string, limitMs: number, done: () => boolean): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!done()) {
    if (program.child.exitCode !== null || program.child.signalCode !== null) {
      throw new Error(`${program.name} ended before ${what}${tail(program)}`);
    }
    if (performance.now() > deadline) throw new Error(`${program.name}: no ${what} within ${limitMs} ms${tail(program)}`);
    await delay(20);
  }
}

/** What the program said last, for the end of an error message. */
export function tail(program: Program): string {
  const said = program.output.stderr.trim();
  return said === '' ? '' : `; it said: ${said}`;
}

export function runNow(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env: environment });
  if (error !== undefined) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

/** CPU time of all threads that are alive, in nanoseconds; /proc/PID/stat would count in steps of 10 ms. */
export function cpuNsOf(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [onCpu] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    ns += Number(onCpu);
  }
  return ns;
}

/** Proportional set size: shared pages count in parts, so that the sum over processes is what they really take. */
export function pssBytesOf(pid: number): number {
  const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  if (match === null) throw new Error(`/proc/${pid}/smaps_rollup has no Pss line`);
  return Number(match[1]) * 1024;
}

/** The process and everything below it. */
export function processTree(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [
    pid,
    ...children
      .split(' ')
      .filter(Boolean)
      .flatMap((child) => processTree(Number(child))),
  ];
}
