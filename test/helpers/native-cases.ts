/** The cases of native/test/kernel_fanout.cpp: each in a process and a network namespace of its own, so that lo is idle. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runProgram } from './programs.ts';

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url));

/** A first run compiles the core with sanitizers. */
export const BUILD_TIMEOUT_MS = 300_000;

export function buildNativeCases(): void {
  execFileSync('make', ['--no-print-directory', '-s', '-C', `${NATIVE}/test`, 'kernel'], { encoding: 'utf8' });
}

/** What the case said: "1 cases, 0 failed checks" if all is well, else with the checks that failed before it. */
export async function runNativeCase(name: string): Promise<string> {
  const { stdout, stderr, signal } = await runProgram('unshare', ['--net', '--', `${NATIVE}/build/asan/kernel_fanout`, name]);
  return `${stderr}${signal === null ? '' : `ended by ${signal}\n`}${stdout}`.trim();
}
