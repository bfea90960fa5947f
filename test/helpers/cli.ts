/** The built command, run as its users run it, and its report as JSON. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LAB_VARIABLE, readSelf } from '../../src/lab/namespace.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { packageRoot } from '../../src/package-root.ts';
import { runProgram, temporaryDirectory } from './programs.ts';

const CLI = join(packageRoot(), 'dist', 'cli.js');

export interface CliRun {
  readonly status: number | null;
  readonly report: RunResult;
}

/** Where the command ends without a verdict its words are the failure. */
export async function runCli(args: readonly string[], { uid }: { readonly uid?: number } = {}): Promise<CliRun> {
  const environment = { PATH: process.env['PATH'] };
  const identity = uid === undefined ? {} : { uid };
  const ended = await runProgram(process.execPath, [CLI, ...args, '--json', '--quiet'], { env: environment, ...identity });
  if (ended.stdout === '') throw new Error(`fanout-cluster ${args.join(' ')} exited with ${ended.code}: ${ended.stderr}`);
  return { status: ended.code, report: JSON.parse(ended.stdout) };
}

const IN_A_NAMESPACE_WITH_DISSECTOR = `bpftool prog attach pinned "$1" flow_dissector || exit
export ${LAB_VARIABLE}="$$:$2"
shift 2
exec "$@"`;

/** The command's lab, in a namespace to which the pinned BPF flow dissector was attached before; both end with the command. */
export async function runCliBehindDissector(pinned: string, args: readonly string[]): Promise<CliRun> {
  const command = [process.execPath, CLI, ...args, '--json', '--quiet'];
  const shell = ['sh', '-c', IN_A_NAMESPACE_WITH_DISSECTOR, 'sh', pinned, readSelf().netns, ...command];
  const ended = await runProgram('unshare', ['--net', '--', ...shell], { env: { PATH: process.env['PATH'] } });
  if (ended.stdout === '') throw new Error(`fanout-cluster ${args.join(' ')} exited with ${ended.code}: ${ended.stderr}`);
  return { status: ended.code, report: JSON.parse(ended.stdout) };
}

/** Judges for as long as `body` takes: it starts when the group captures, and the command is told to end when it is done. */
export async function runCliDuring(
  args: readonly string[],
  body: () => Promise<unknown>,
  env: Readonly<Record<string, string>> = {},
): Promise<CliRun> {
  const child = spawn(process.execPath, [CLI, ...args, '--json', '--status-interval', '100ms', '--duration', '60s'], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const capturing = new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (stderr.includes('capturing')) resolve();
    });
    ended.then(() => resolve());
  });
  try {
    await capturing;
    await body();
  } finally {
    child.kill('SIGINT');
  }
  const status = await ended;
  if (stdout === '') throw new Error(`fanout-cluster ${args.join(' ')} exited with ${status}: ${stderr}`);
  return { status, report: JSON.parse(stdout) };
}

/** A file for as long as `body` takes. */
export async function withFile<T>(text: string, body: (path: string) => Promise<T>): Promise<T> {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'file');
  try {
    writeFileSync(path, text);
    return await body(path);
  } finally {
    directory.remove();
  }
}
