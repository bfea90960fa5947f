/** The built command as a process of its own, and what it may have left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';

export const ROOT = resolve(import.meta.dirname, '../..');
export const CLI = join(ROOT, 'dist', 'cli.js');

/** A copy of the package that only root can reach, and of Node.js beside it, as a version manager of root's has it. */
export function closedPackage(directory: string): { readonly cli: string; readonly node: string } {
  mkdirSync(join(directory, 'build'), { recursive: true, mode: 0o700 });
  for (const name of ['dist', 'build/Release']) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(directory, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const node = join(directory, 'node');
  copyFileSync(process.execPath, node);
  return { cli: join(directory, 'dist/cli.js'), node };
}

/** To run something by another Node.js. */
export function byNode(node: string): readonly string[] {
  return ['sh', '-c', 'shift; exec "$0" "$@"', node];
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Resolves when standard error matches. */
  said(pattern: RegExp): Promise<void>;
}

export interface ToolOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A command to run it by, such as setpriv or prlimit with their options. */
  readonly by?: readonly string[];
  readonly cli?: string;
  readonly detached?: boolean;
  readonly stdout?: 'pipe' | 'ignore' | number;
  readonly stdin?: 'ignore' | number | Readable;
}

export function start(
  args: readonly string[],
  { env = {}, by = [], cli = CLI, detached = false, stdout = 'pipe', stdin = 'ignore' }: ToolOptions = {},
): Running {
  const [command = '', ...rest] = [...by, process.execPath, cli, ...args];
  const begun = performance.now();
  const child = spawn(command, rest, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: [stdin, stdout, 'pipe'],
    detached,
  });
  const text = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  child.stdout?.on('data', (data) => {
    text.stdout += String(data);
  });
  child.stderr?.on('data', (data) => {
    text.stderr += String(data);
    for (const check of waiting) check();
  });
  const ended = new Promise<Ended>((done, failed) => {
    child.on('error', failed);
    child.on('close', (status, signal) => done({ status, signal, ...text, ms: performance.now() - begun }));
  });
  const said = (pattern: RegExp): Promise<void> =>
    new Promise((done, failed) => {
      const check = (): void => {
        if (!pattern.test(text.stderr)) return;
        waiting.delete(check);
        done();
      };
      waiting.add(check);
      check();
      ended.then(({ status, stderr }) => failed(new Error(`it ended with ${status} before it said ${pattern}: ${stderr}`)), failed);
    });
  return { child, pid: child.pid ?? 0, ended, said };
}

export function run(args: readonly string[], options?: ToolOptions): Promise<Ended> {
  return start(args, options).ended;
}

/** Processes whose parent is `pid`, oldest first. */
export function childrenOf(pid: number): readonly number[] {
  const children: number[] = [];
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) ? statOf(Number(entry)) : undefined;
    if (stat?.parent === pid) children.push(Number(entry));
  }
  return children.sort((a, b) => a - b);
}

/** Workers of a command, as far as they have started to run. */
export function workersOf(pid: number): readonly number[] {
  return childrenOf(pid).filter((child) => commandLine(child).includes('worker'));
}

export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Running, stopped, or not yet reaped. */
export function stateOf(pid: number): string | undefined {
  return statOf(pid)?.state;
}

export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    // The name in parentheses may hold anything, parentheses too.
    const [state = '', parent] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

export async function until(condition: () => boolean, what: string, limitMs = 5000): Promise<void> {
  for (const end = performance.now() + limitMs; !condition(); ) {
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((done) => setTimeout(done, 2));
  }
}

/** Waits until the command has `count` workers that captured something or are about to. */
export async function workersStarted(pid: number, count: number): Promise<readonly number[]> {
  await until(() => workersOf(pid).length === count, `${count} workers of ${pid}`);
  return workersOf(pid);
}

/** Entries of a directory that only the test uses; none if it is gone. */
export function entriesOf(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
