/** A live run to which something is done while it captures, and what it reports. */
import type { RunResult } from '../../src/model/run-result.ts';
import { CAPTURE } from './network.ts';
import { type Running, start } from './tool.ts';

export interface Disturbance {
  /** After the start of the capture. */
  readonly afterMs?: number;
  readonly action: (running: Running) => unknown;
  /** How long the run goes on then; "itself" until it ends by itself. */
  readonly restMs: number | 'itself';
}

/** Nothing is timed from the start of the run, which takes as long as the machine is busy. */
export async function disturbed(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  { afterMs = 200, action, restMs }: Disturbance,
): Promise<RunResult & { readonly status: number | null }> {
  const running = start(['-i', CAPTURE, '--json', '-', '--status-interval', '100ms', '--duration', '30s', ...args], { env });
  await running.said(/capturing/);
  await pause(afterMs);
  await action(running);
  if (restMs !== 'itself') {
    await pause(restMs);
    running.child.kill('SIGINT');
  }
  const { status, stdout, stderr } = await running.ended;
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as RunResult), status };
}

export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
