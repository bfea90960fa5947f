/**
 * A report as a tree of headings, paragraphs, tables and findings. Each command makes one; every format renders that tree, and decides nothing.
 * Texts may hold anything that was on the wire or in a file: renderers make them printable.
 */
import type { CauseResult, FlowId, Reason } from '../../model/run-result.ts';
import { grouped } from '../words/english.ts';

export interface Document {
  readonly sections: readonly Section[];
  /** What --quiet leaves: no empty lines between sections. */
  readonly isBrief?: boolean;
}

export interface Section {
  readonly title?: string;
  readonly blocks: readonly Block[];
}

/** What a text means for its reader; a format makes a colour or a weight of it. */
export type Tone = 'good' | 'bad' | 'doubtful' | 'strong' | 'quiet';

export interface Paragraph {
  readonly kind: 'paragraph';
  readonly text: string;
  readonly tone?: Tone;
  /** Such as "epoch 3: "; further lines begin below the text. */
  readonly lead?: string;
  /** To be copied, or read by a script: one line, however long. */
  readonly isUnbroken?: boolean;
}

export interface Table {
  readonly kind: 'table';
  /** Absent where the cells speak for themselves. */
  readonly head?: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns that are aligned to the left: words. The others are numbers. */
  readonly left: readonly number[];
  /** Makes the heading stand out. */
  readonly isHeadStrong?: boolean;
  /** Of a word in each row. */
  readonly tones?: readonly { readonly word: string; readonly tone: Tone }[];
}

/** Figures by name, each with a note that may be long. */
export interface Counters {
  readonly kind: 'counters';
  readonly rows: readonly (readonly [name: string, value: string, note: string])[];
}

export interface Bars {
  readonly kind: 'bars';
  readonly rows: readonly { readonly cells: readonly string[]; readonly value: number }[];
}

export interface FindingBlock {
  readonly kind: 'finding';
  /** Its code, perhaps with what it is about before and a note behind it. */
  readonly label: string;
  readonly message: string;
  readonly remedy?: string;
  /** Under the paragraph before it. */
  readonly isSetIn?: boolean;
}

/** One of a list, with figures of its own. */
export interface Item {
  readonly kind: 'item';
  readonly text: string;
  readonly table: Table;
  readonly more?: string;
}

/** Words of this report, and what they mean. */
export interface Terms {
  readonly kind: 'terms';
  readonly terms: readonly { readonly term: string; readonly meaning: string }[];
}

/** Texts by row and column, each in as many words as there is room for. */
export interface HeatMap {
  readonly kind: 'heat-map';
  /** Of the names of the rows. */
  readonly heading: string;
  readonly names: readonly string[];
  readonly columns: readonly HeatColumn[];
}

export interface HeatColumn {
  readonly label: string;
  readonly cells: readonly HeatCell[];
}

export interface HeatCell {
  readonly tone?: Tone;
  /** With the cause, with figures, and in one word. */
  readonly cause: string;
  readonly count: string;
  readonly word: string;
}

export type Block = Paragraph | Table | Counters | Bars | FindingBlock | Item | Terms | HeatMap;

export function paragraph(text: string, rest: Omit<Paragraph, 'kind' | 'text'> = {}): Paragraph {
  return { kind: 'paragraph', text, ...rest };
}

export function findingBlock({ code, message, remedy }: Reason, label = code): FindingBlock {
  return { kind: 'finding', label, message, ...(remedy === undefined ? {} : { remedy }) };
}

/** A section of findings under one title; none without any. */
export function findingsTitled(
  title: string,
  findings: readonly Reason[],
  labelOf: (finding: Reason) => string = codeOf,
): readonly Section[] {
  return findings.length === 0 ? [] : [{ title, blocks: findings.map((one) => findingBlock(one, labelOf(one))) }];
}

function codeOf({ code }: Reason): string {
  return code;
}

/** Names on one line, or as many as it takes: what there is no room to explain. */
export function namedInShort(title: string, names: readonly string[]): readonly Paragraph[] {
  return names.length === 0 ? [] : [paragraph(`${title}: ${names.join(', ')}`)];
}

export function causeNote({ harmless, tolerated }: CauseResult): string {
  if (harmless) return ' (does not decide the answer)';
  return tolerated === true ? ' (tolerated)' : '';
}

export function causeLabel(cause: CauseResult): string {
  return `${cause.code}${causeNote(cause)}`;
}

/** What is said of a cause where only its code is at hand. */
export function noteOn(code: string, causes: readonly CauseResult[]): string {
  const cause = causes.find((one) => one.code === code);
  return cause === undefined ? '' : causeNote(cause);
}

export function flowText({ proto, src, sport, dst, dport }: FlowId): string {
  const hasPorts = sport !== 0 || dport !== 0;
  const end = (address: string, port: number): string => {
    if (!hasPorts) return address;
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  };
  return `${proto} ${end(src, sport)} <-> ${end(dst, dport)}`;
}

/** "... and 1,790 more" */
export function furtherText(count: number, what = 'more'): string {
  return `... and ${grouped(count)} ${what}`;
}
