/** What lint found in the format of SARIF 2.1.0, which code hosts and editors show beside the lines. Pure. */
import { RULES, SEVERITIES, type Severity } from '../../deployment/rules.ts';
import type { ConflictResult, FileResult, FindingResult, LintResult } from './result.ts';

const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' };

export interface SarifLog {
  readonly $schema: string;
  readonly version: '2.1.0';
  readonly runs: readonly object[];
}

export function sarifOf({ tool, files, conflicts }: LintResult): SarifLog {
  const unreadable = files.flatMap(({ file, error }) => (error === undefined ? [] : [{ file, error }]));
  const driver = {
    name: 'fanout-cluster',
    version: tool.version,
    rules: RULES.map((id) => ({ id, defaultConfiguration: { level: LEVELS[SEVERITIES[id]] } })),
  };
  const invocation = {
    executionSuccessful: unreadable.length === 0,
    toolExecutionNotifications: unreadable.map(({ file, error: { message, remedy, line, column } }) => ({
      level: 'error',
      message: { text: `${message}. ${remedy}` },
      locations: [location(file, line, column)],
    })),
  };
  const results = [...files.flatMap((file) => file.findings.map((finding) => resultOf(finding, file))), ...conflicts.map(conflictResult)];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, invocations: [invocation], results }],
  };
}

function base({ rule, severity, message, remedy }: Pick<FindingResult, 'rule' | 'severity' | 'message' | 'remedy'>): object {
  return { ruleId: rule, ruleIndex: RULES.indexOf(rule), level: LEVELS[severity], message: { text: `${message}. Remedy: ${remedy}` } };
}

function resultOf(finding: FindingResult, { file }: FileResult): object {
  return { ...base(finding), locations: [location(finding.file ?? file, finding.line, finding.column)] };
}

/** Its first place is where it is; the others are related. */
function conflictResult(conflict: ConflictResult): object {
  const [first, ...others] = conflict.places.map(({ file, line, column }) => location(file, line, column));
  return { ...base(conflict), locations: first === undefined ? [] : [first], relatedLocations: others };
}

function location(file: string, line?: number, column?: number): object {
  const region = line === undefined ? {} : { region: { startLine: line, ...(column === undefined ? {} : { startColumn: column }) } };
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region } };
}

function uriOf(path: string): string {
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  return path.startsWith('/') ? `file://${escaped}` : escaped;
}
