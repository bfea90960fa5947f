/** This program once more, as a process of its own: for what must not happen in the network namespace of this one. */

import { execa } from 'execa';
import { NODE_PATH } from '../host/node-program.ts';

export interface SelfResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param signal ends it early */
export async function runSelf(args: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<SelfResult> {
  const [, program = ''] = process.argv;
  const { exitCode, stdout, stderr } = await execa(NODE_PATH, [...process.execArgv, program, ...args], {
    reject: false,
    stdin: 'ignore',
    timeout: timeoutMs,
    cancelSignal: signal,
  });
  return { exitCode, stdout, stderr };
}
