/** Reads configurations, and says what is wrong with them. No traffic, no socket. */
import { sayLint } from '../../collector/words/lint/say.ts';
import { conflictsBetween } from '../../deployment/conflicts.ts';
import { readDeployment } from '../../deployment/read.ts';
import type { Reading } from '../../deployment/reading.ts';
import { type LintFinding, SEVERITIES } from '../../deployment/rules.ts';
import type { Source } from '../../deployment/source.ts';
import { type HostFacts, hostFindings } from '../../deployment/this-host.ts';
import { FanoutError } from '../../errors.ts';
import type { ConfigurationFiles } from '../../host/configuration-files.ts';
import { definedOf } from '../../model/defined.ts';
import type { LintOptions } from './options.ts';
import type { ConflictResult, FileResult, FindingResult, GroupResult, LintResult } from './result.ts';

/** @param factsOf asked once it is known which interfaces are meant; absent: nothing is asked of this host */
export function lint(
  options: Pick<LintOptions, 'paths' | 'kind' | 'programVersion'>,
  files: ConfigurationFiles,
  version: string,
  factsOf?: (interfaces: readonly string[]) => HostFacts,
): LintResult {
  const opened = options.paths.map((path) => openedOr(path, files));
  const sources = opened.flatMap((one) => ('source' in one ? [one.source] : []));
  const readings = readDeployment(sources, { files, ...definedOf({ kind: options.kind, programVersion: options.programVersion }) });
  const facts = factsOf?.([...new Set(readings.flatMap(({ groups }) => groups.flatMap((group) => group.interface ?? [])))]);
  const byFile = new Map(readings.map((reading) => [reading.file, fileResult(reading, facts)]));
  return {
    schema: 'fanout-cluster/lint@1',
    tool: { version },
    files: opened.flatMap((one) => ('source' in one ? (byFile.get(one.source.file) ?? []) : one.failed)),
    conflicts: conflictsBetween(readings).map(({ finding, places }): ConflictResult => ({ ...worded(finding), places })),
  };
}

function openedOr(path: string, files: ConfigurationFiles): { readonly source: Source } | { readonly failed: FileResult } {
  try {
    return { source: files.read(path) };
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    const { message, remedy } = error;
    return { failed: { file: path, result: 'error', groups: [], findings: [], error: { message, remedy } } };
  }
}

function fileResult(reading: Reading, facts: HostFacts | undefined): FileResult {
  const { file, kind, program, version, outcome, groups, unreadable } = reading;
  const findings = [...reading.findings, ...(facts === undefined ? [] : hostFindings(reading, facts))];
  return {
    file,
    ...definedOf({ kind, program, version: version?.text, versionFrom: version?.from }),
    result: outcome,
    groups: groups.map(groupResult),
    findings: findings.map((finding) => findingResult(finding, file)).sort(byPlace),
    ...(unreadable === undefined ? {} : { error: errorResult(unreadable) }),
  };
}

function errorResult({ message, remedy, at }: NonNullable<Reading['unreadable']>): NonNullable<FileResult['error']> {
  return { message, remedy, ...(at === undefined ? {} : { line: at.line, column: at.column }) };
}

function groupResult(group: Reading['groups'][number]): GroupResult {
  const { interface: device, ...rest } = group;
  const isSilent = device === null && group.unresolved?.['interface'] === undefined;
  return isSilent ? rest : group;
}

function worded(finding: LintFinding): Pick<FindingResult, 'rule' | 'severity' | 'message' | 'remedy'> {
  return { rule: finding.rule, severity: SEVERITIES[finding.rule], ...sayLint(finding) };
}

function findingResult(finding: LintFinding, file: string): FindingResult {
  const { at } = finding;
  const { rule, severity, message, remedy } = worded(finding);
  const place = at === undefined ? {} : { ...(at.file === file ? {} : { file: at.file }), line: at.line, column: at.column };
  return { rule, severity, ...place, message, remedy };
}

function byPlace(a: FindingResult, b: FindingResult): number {
  return (a.file ?? '').localeCompare(b.file ?? '') || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
