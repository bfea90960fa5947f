/** What reading a configuration comes to, and what a reader is given. */
import type { Group, Program } from './group.ts';
import type { LintFinding, Note } from './rules.ts';
import type { Place, Source } from './source.ts';

/** Kinds of files, by the program that reads them. */
export const KINDS = [
  'suricata',
  'suricata-dump',
  'zeek-node',
  'zeek-zeekctl',
  'zeek-conf',
  'zeek-script',
  'snort-lua',
  'arkime',
  'packetbeat',
  'stenographer',
  'command',
  'unit',
  'env',
] as const;
export type Kind = (typeof KINDS)[number];

/**
 * groups: it deploys some. none: it can be read, and deploys none. companion: it belongs to another file. template: places in it are not filled yet.
 * error: the program would not start with it, or nothing can be read.
 */
export type Outcome = 'groups' | 'none' | 'companion' | 'template' | 'error';

/** Where a version comes from. */
export type VersionFrom = 'argument' | 'file' | 'options used' | 'assumed';

export interface Version {
  readonly text: string;
  readonly from: VersionFrom;
}

/** A file that cannot be read at all: by nobody, or as no configuration that is known. */
export interface Unreadable {
  readonly message: string;
  readonly remedy: string;
  readonly at?: Place;
}

export interface Reading {
  readonly file: string;
  readonly kind?: Kind;
  readonly program?: Program;
  readonly version?: Version;
  readonly outcome: Outcome;
  readonly groups: readonly Group[];
  readonly findings: readonly LintFinding[];
  readonly unreadable?: Unreadable;
  /** Files that it includes, by their paths. */
  readonly includes?: readonly string[];
}

/** Of a reader: the rest is known before. */
export type Read = Omit<Reading, 'file' | 'kind' | 'outcome' | 'findings'> & {
  /** Where it is not told by the groups. */
  readonly outcome?: Outcome;
};

/** Files that a configuration names, read with no more rights than it has itself. */
export interface Files {
  /** Throws a FanoutError. @param from the file that names it */
  include(path: string, from: string): string;
  /** Nothing where there is none, or where it may not be read. @param beside the file in whose directory it is looked for */
  neighbour(name: string, beside: string): Source | undefined;
}

export interface Context {
  readonly note: Note;
  readonly files: Files;
  /** Given by the user. */
  readonly programVersion?: string;
}

export function unreadable(message: string, remedy: string, at?: Place): Pick<Read, 'unreadable' | 'outcome' | 'groups'> {
  return { outcome: 'error', groups: [], unreadable: { message, remedy, ...(at === undefined ? {} : { at }) } };
}
