/**
 * A program for a network namespace of its own: does the steps of its plan there, one after the other, and prints as JSON what each command
 * said. What is attached ends with it.
 */
import { execFile } from 'node:child_process';
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { SteeringAddon } from '../../src/addon/steering.ts';

/** `policy` as bits of native/steering/options.h, `layers` as a decimal number of them. */
export type DissectorStep =
  | { readonly does: 'attaches'; readonly policy: number; readonly layers: string }
  | { readonly does: 'detaches' }
  | { readonly does: 'runs'; readonly command: readonly string[] };

export interface DissectorPlan {
  readonly addon: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly steps: readonly DissectorStep[];
}

export interface CommandEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function hostDissector({ addon, environment, steps }: DissectorPlan): Promise<readonly CommandEnd[]> {
  const native = createRequire(import.meta.url)(addon) as SteeringAddon;
  const ends: CommandEnd[] = [];
  let link: number | undefined;
  for (const step of steps) {
    switch (step.does) {
      case 'attaches': {
        const program = native.loadSteering({ program: 'dissect', name: 'fc_test', policy: step.policy, layers: BigInt(step.layers) });
        link = native.attachFlowDissector('/proc/self/ns/net', program);
        closeSync(program);
        break;
      }
      case 'detaches':
        if (link !== undefined) closeSync(link);
        link = undefined;
        break;
      case 'runs':
        ends.push(await run(step.command, environment));
    }
  }
  return ends;
}

function run([file = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandEnd> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { env, maxBuffer: 1 << 28 }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}
