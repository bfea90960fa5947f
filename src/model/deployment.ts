/** The group of somebody else that a run is shaped after: as a configuration deploys it. */
import type { Finding } from './finding.ts';
import type { DeploymentCode } from './findings/deployment.ts';
import type { Reason } from './run-result.ts';

/** Where the value of an option comes from. */
export type SettingFrom =
  /** What the user typed, which outranks what a file says. */
  | 'command line'
  | 'file'
  /** The program's own, for what the file leaves out. */
  | 'default'
  /** Counted on this host, as the program would. */
  | 'host';

export interface DeployedSetting {
  /** As it would be typed, such as "--procs". */
  readonly option: string;
  /** Empty for a flag. */
  readonly value: string;
  readonly from: SettingFrom;
  readonly file?: string;
  readonly line?: number;
  /** What the configuration says, where the command line says something else. */
  readonly instead?: string;
}

interface DeployedGroup {
  readonly files: readonly string[];
  readonly program: string;
  readonly version?: string;
  /** As for `lint`: "file", "argument", "assumed", ... */
  readonly versionFrom?: string;
  /** As a configuration of a cluster names it. */
  readonly host?: string;
  /** As it is deployed; null: no file says it. */
  readonly interface: string | null;
  readonly id: number | 'ifindex' | null;
  readonly settings: readonly DeployedSetting[];
}

export interface Deployment extends DeployedGroup {
  /** What a run cannot or does not take over. */
  readonly remarks: readonly Finding<DeploymentCode>[];
}

/** With words. */
export interface DeploymentResult extends DeployedGroup {
  readonly remarks: readonly Reason[];
}
