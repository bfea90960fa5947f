/** What a run that is shaped after a configuration does otherwise than the program that reads it. */
import type { Nothing } from './doubt.ts';

export interface DeploymentArgs {
  /** The run has a group of its own: nothing is taken from one that runs. */
  'own-group-id': { readonly id: number | 'ifindex' | null };
  /** This program reads by TPACKET_V3. */
  'reads-v3': { readonly program: string };
  /** Members are to run on CPUs that this host does not have. `online`: how many it has. */
  'cpus-missing': { readonly missing: readonly number[]; readonly online: number };
  'inline-untested': { readonly copyMode: string };
  /** A ring of the deployment that this program could not have as it is. `ringBytes` and `blockBytes`: as it has it. */
  'ring-adapted': { readonly ringBytes: number; readonly blockBytes: number };
  /** What this command has no option for, by its options. */
  'not-for-command': { readonly command: string; readonly options: readonly string[] };
  'lint-findings': { readonly errors: number; readonly warnings: number; readonly files: readonly string[] };
  /** The deployment is tested in the lab: what depends on its interface is not. */
  'in-the-lab': Nothing;
}

export type DeploymentCode = keyof DeploymentArgs;
