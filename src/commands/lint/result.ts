/** What `lint` finds: its document for machines, as it is. Reporters render it and decide nothing. */
import type { Group } from '../../deployment/group.ts';
import type { Kind, Outcome, VersionFrom } from '../../deployment/reading.ts';
import type { Rule, Severity } from '../../deployment/rules.ts';
import type { Place } from '../../deployment/source.ts';

/** An interface that the file leaves open is null if something stands in its place, and absent if nothing does. */
export type GroupResult = Omit<Group, 'interface'> & { readonly interface?: string | null };

export interface FindingResult {
  readonly rule: Rule;
  readonly severity: Severity;
  /** Where it is another file than the one that was named: an included one. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  readonly remedy: string;
}

export interface FileResult {
  readonly file: string;
  readonly kind?: Kind;
  readonly program?: string;
  readonly version?: string;
  readonly versionFrom?: VersionFrom;
  readonly result: Outcome;
  readonly groups: readonly GroupResult[];
  readonly findings: readonly FindingResult[];
  /** Why nothing could be read. */
  readonly error?: { readonly message: string; readonly remedy: string; readonly line?: number; readonly column?: number };
}

export interface ConflictResult {
  readonly rule: Rule;
  readonly severity: Severity;
  readonly message: string;
  readonly remedy: string;
  readonly places: readonly Place[];
}

export interface LintResult {
  readonly schema: 'fanout-cluster/lint@1';
  readonly tool: { readonly version: string };
  readonly files: readonly FileResult[];
  readonly conflicts: readonly ConflictResult[];
}
