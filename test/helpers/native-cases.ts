/** Programs of native/test that ask the kernel: each run in a process and a network namespace of its own. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Ended, runProgram } from './programs.ts';

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url));

/** A first run compiles the core with sanitizers. */
export const BUILD_TIMEOUT_MS = 300_000;

export function buildNativeCases(): void {
  execFileSync('make', ['--no-print-directory', '-s', '-C', `${NATIVE}/test`, 'kernel'], { encoding: 'utf8' });
}

/** A case of kernel_fanout.cpp. What it said: "1 cases, 0 failed checks" if all is well, else with the checks that failed before it. */
export async function runNativeCase(name: string): Promise<string> {
  const { stdout, stderr, signal } = await runProgram('unshare', ['--net', '--', `${NATIVE}/build/asan/kernel_fanout`, name]);
  return `${stderr}${signal === null ? '' : `ended by ${signal}\n`}${stdout}`.trim();
}

/** The same of kernel_steering.cpp, behind what it printed. */
export async function runSteeringCase(name: string): Promise<string> {
  const { stdout, stderr } = await runProgram('unshare', ['--net', '--mount', '--', `${NATIVE}/build/asan/kernel_steering`, name]);
  return `${stderr}${stdout}`.trim();
}

/** Groups of 256 members take descriptors. */
export function runSteeringDifference(seconds: number, seed: number): Promise<Ended> {
  const corpus = `${NATIVE}/fuzz/corpus/dissect`;
  const command = ['sh', '-c', 'ulimit -n 4096; exec "$@"', 'sh', `${NATIVE}/build/asan/steering_difference`];
  return runProgram('unshare', ['--net', '--mount', '--', ...command, `${seconds}`, `${seed}`, corpus]);
}

/** What steering_figures.cpp prints for these words. */
export async function steeringFigures(...words: readonly string[]): Promise<unknown> {
  const { stdout, stderr } = await runProgram('unshare', [
    ...['--net', '--mount', '--', `${NATIVE}/build/asan/steering_figures`],
    ...words,
  ]);
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout);
}
