/** What lint found, as a report: file by file what it deploys and what is wrong, then what files have against one another. Decides nothing. */
import {
  type Block,
  type Document,
  findingBlock,
  type Paragraph,
  paragraph,
  type Section,
  type Table,
  type Tone,
} from '../../collector/report/document.ts';
import { counted, joined } from '../../collector/words/english.ts';
import type { Outcome } from '../../deployment/reading.ts';
import type { Severity } from '../../deployment/rules.ts';
import { labelOf } from '../../model/fanout.ts';
import type { ConflictResult, FileResult, FindingResult, GroupResult, LintResult } from './result.ts';

export function lintDocument(result: LintResult): Document {
  return {
    sections: [...result.files.map((file) => fileSection(file, true)), ...conflicts(result.conflicts), { blocks: [summary(result)] }],
  };
}

/** Errors only, and the sum: what --quiet leaves. */
export function lintBrief(result: LintResult): Document {
  const files = result.files
    .filter(({ findings, error }) => error !== undefined || findings.some(isError))
    .map((file) => fileSection(file, false));
  return { isBrief: true, sections: [...files, ...conflicts(result.conflicts.filter(isError)), { blocks: [summary(result)] }] };
}

function isError({ severity }: { readonly severity: Severity }): boolean {
  return severity === 'error';
}

function fileSection(file: FileResult, isFull: boolean): Section {
  const { findings, groups, error } = file;
  const shown = isFull ? findings : findings.filter(isError);
  const blocks: readonly Block[] = [
    ...(isFull && groups.length > 0 ? [groupTable(groups)] : []),
    ...(error === undefined ? [] : [findingBlock({ code: 'unreadable', ...error })]),
    ...shown.map((finding) => findingBlock({ code: finding.rule, ...finding }, labelOfFinding(finding, file.file))),
  ];
  return {
    title: `${file.file}: ${isFull ? describe(file) : `${joinedCounts(findings)}`}`,
    blocks: blocks.length > 0 ? blocks : [paragraph('nothing to say')],
  };
}

function labelOfFinding({ rule, severity, file, line, column }: FindingResult, main: string): string {
  const place = line === undefined ? '' : `${file === undefined || file === main ? '' : `${file}:`}${line}:${column} `;
  return `${place}${severity} ${rule}`;
}

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  groups: '',
  none: 'no fanout group',
  companion: 'belongs to another file',
  template: 'a template that is not filled in',
  error: 'cannot be used as it is',
};

/** "Suricata 8.0.6 (assumed): 2 groups" */
function describe({ kind, version, versionFrom, result, groups }: FileResult): string {
  const about = [...(kind === undefined ? [] : [kind]), ...(version === undefined ? [] : [`version ${version} (${versionFrom})`])].join(
    ', ',
  );
  const comes = result === 'groups' ? counted(groups.length, 'group') : OUTCOMES[result];
  return about === '' ? comes : `${about}: ${comes}`;
}

function groupTable(groups: readonly GroupResult[]): Table {
  const rows = groups.map((group) => [
    group.interface ?? '?',
    group.group === false ? 'no group' : `group ${group.id ?? '?'}`,
    group.procs === 'auto' ? `auto (${group.procsMeans})` : counted(group.procs, 'member'),
    labelOf(group),
    `TPACKET_${group.tpacket.toUpperCase()}`,
  ]);
  return { kind: 'table', rows, left: [0, 1, 2, 3, 4] };
}

function conflicts(found: readonly ConflictResult[]): readonly Section[] {
  if (found.length === 0) return [];
  const blocks = found.map(({ rule, severity, message, remedy, places }) => {
    const where = places.map(({ file, line, column }) => `${file}:${line}:${column}`);
    return findingBlock({ code: rule, message, remedy }, `${where.length === 0 ? '' : `${joined(where, 'and')} `}${severity} ${rule}`);
  });
  return [{ title: 'Between these files', blocks }];
}

function summary(result: LintResult): Paragraph {
  const all = [...result.files.flatMap(({ findings }) => findings), ...result.conflicts];
  const unreadable = result.files.filter(({ error }) => error !== undefined).length;
  const tone: Tone = unreadable > 0 || all.some(isError) ? 'bad' : all.length > 0 ? 'doubtful' : 'good';
  const lost = unreadable === 0 ? '' : `; ${counted(unreadable, 'file')} could not be read`;
  return paragraph(`${joinedCounts(all)} in ${counted(result.files.length, 'file')}${lost}`, { tone });
}

function joinedCounts(all: readonly { readonly severity: Severity }[]): string {
  const count = (severity: Severity): number => all.filter((one) => one.severity === severity).length;
  return joined([counted(count('error'), 'error'), counted(count('warning'), 'warning'), counted(count('info'), 'note')], 'and');
}
