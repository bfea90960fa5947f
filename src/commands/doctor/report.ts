/** What doctor found, as a report: the answer, what is wrong with the command that mends it, what was read, and what could not be. Decides nothing. */
import { type Block, type Document, type Paragraph, paragraph, type Section, type Tone } from '../../collector/report/document.ts';
import { flowName, unknownName } from '../../collector/words/doctor.ts';
import { counted } from '../../collector/words/english.ts';
import { labelOf } from '../../model/fanout.ts';
import type { NicSeverity } from '../../nic/findings.ts';
import { deploymentSections } from '../deployed/report.ts';
import { factText } from './fact-text.ts';
import type { DoctorFinding, DoctorResult, DoctorUnknown } from './result.ts';

export function doctorDocument(result: DoctorResult): Document {
  return {
    sections: [
      { blocks: [answerLine(result)] },
      ...findings(result.findings, ['problem', 'warning', 'note']),
      ...meetings(result),
      ...facts(result),
      ...unknowns(result.unknowns),
      ...deploymentSections(result.deployment),
      ...nextStep(result),
    ],
  };
}

/** The answer and what breaks the mode: what --quiet leaves. */
export function doctorBrief(result: DoctorResult): Document {
  const decisive = result.answer === 'unknown' ? unknowns(result.unknowns.filter(({ decisive }) => decisive)) : [];
  return { isBrief: true, sections: [{ blocks: [answerLine(result)] }, ...findings(result.findings, ['problem']), ...decisive] };
}

const TONES = { ok: 'good', problem: 'bad', unknown: 'doubtful' } as const satisfies Readonly<Record<string, Tone>>;

/** "eth0: 2 settings break mode qm; 1 warning" */
function answerLine(result: DoctorResult): Paragraph {
  return paragraph(`${result.interface}: ${answerText(result)}`, { tone: TONES[result.answer] });
}

function answerText(result: DoctorResult): string {
  const { answer, findings: found } = result;
  const mode = labelOf(result);
  const count = (severity: NicSeverity): number => found.filter((one) => one.severity === severity).length;
  const warnings = count('warning') === 0 ? '' : `; ${counted(count('warning'), 'warning')}`;
  switch (answer) {
    case 'ok':
      return `nothing here breaks mode ${mode}${warnings}`;
    case 'problem':
      return `${count('problem') === 1 ? '1 thing breaks' : `${count('problem')} things break`} mode ${mode}${warnings}`;
    case 'unknown':
      return `not enough could be read to say whether anything here breaks mode ${mode}${warnings}`;
  }
}

/** Traffic shows what settings do not. */
function nextStep({ unknowns: open, interface: device, mode, flags, procs }: DoctorResult): readonly Section[] {
  if (!open.some(({ decisive }) => decisive)) return [];
  const program = mode === 'cbpf' || mode === 'ebpf' ? ` --${mode}-program FILE` : '';
  const line = `sudo fanout-cluster -i ${device} -m ${mode}${program}${flags.map((flag) => ` --${flag}`).join('')}${procs === undefined ? '' : ` -n ${procs}`}`;
  return [{ title: 'A run with live traffic shows what settings do not', blocks: [paragraph(line, { isUnbroken: true })] }];
}

const TITLES: Readonly<Record<NicSeverity, string>> = { problem: 'Problems', warning: 'Warnings', note: 'Notes' };

function findings(all: readonly DoctorFinding[], severities: readonly NicSeverity[]): readonly Section[] {
  return severities.flatMap((severity) => {
    const found = all.filter((one) => one.severity === severity);
    return found.length === 0 ? [] : [{ title: TITLES[severity], blocks: found.flatMap(findingBlocks) }];
  });
}

/** A command is copied, so it stays on one line. */
function findingBlocks({ code, message, remedy }: DoctorFinding): readonly Block[] {
  const said: Block = { kind: 'finding', label: code, message };
  return remedy === undefined ? [said] : [said, paragraph(remedy, { lead: '    ', isUnbroken: true })];
}

const PLACES = { member: 'one member', queue: 'one queue', cpu: 'one CPU' } as const;

function meetings({ meetings: all }: DoctorResult): readonly Section[] {
  const [first] = all;
  if (first === undefined) return [];
  const rows = all.map(({ flow, directions, fragments }) => [flowName(flow), directions.text, fragments.text]);
  const head = ['flows', 'both directions', 'fragments and whole packets'];
  return [{ title: `Whether packets of a flow come to ${PLACES[first.place]}`, blocks: [{ kind: 'table', head, rows, left: [0, 1, 2] }] }];
}

function facts({ facts: all }: DoctorResult): readonly Section[] {
  if (all.length === 0) return [];
  const rows = all.map(({ id, value, where }) => [unknownName({ fact: id }), factText(id, value), where]);
  return [{ title: 'What was read', blocks: [{ kind: 'table', head: ['fact', 'value', 'where'], rows, left: [0, 1, 2] }] }];
}

function unknowns(all: readonly DoctorUnknown[]): readonly Section[] {
  if (all.length === 0) return [];
  const rows = all.map((unknown) => ({
    term: unknownName(unknown),
    meaning: `${unknown.why} (${unknown.where})${unknown.needs === undefined ? '' : `; needs ${unknown.needs}`}${unknown.decisive ? '; this decides' : ''}`,
  }));
  return [{ title: 'What is not known', blocks: [{ kind: 'terms', terms: rows }] }];
}
