/**
 * What this program hands to itself when it is replaced by itself: to enter the lab, or to have no capability left in any thread. A file without a
 * name goes along, and a variable says where it is.
 */
import { closeSync, readFileSync, statSync } from 'node:fs';
import type { DescriptorsAddon } from '../addon/descriptors.ts';
import { array, natural, optional, record, text } from '../protocol/values.ts';

/** "process id:descriptor". */
export const HANDOVER_VARIABLE = 'FANOUT_CLUSTER_HANDOVER';

export interface Handover {
  /** What was read from pipes, by path, and asked of the host: it cannot be had a second time. */
  readonly texts: Readonly<Record<string, string>>;
  /** What was opened; the command that opened it knows its form. */
  readonly provisions?: unknown;
  /** What came along open, which nobody else is to inherit. */
  readonly descriptors?: readonly number[];
}

/** @param environment loses the variable. One that names another process was inherited, and means nothing. */
export function receiveHandover(environment: NodeJS.ProcessEnv, pid: number): Handover | undefined {
  const marker = /^(\d+):(\d+)$/.exec(environment[HANDOVER_VARIABLE] ?? '');
  delete environment[HANDOVER_VARIABLE];
  if (marker === null || Number(marker[1]) !== pid) return undefined;
  const descriptor = Number(marker[2]);
  try {
    const handover = parseHandover(JSON.parse(readFileSync(descriptor, 'utf8')));
    closeSync(descriptor);
    return handover;
  } catch {
    // Written by somebody else, then.
    return undefined;
  }
}

/** Whose form only the room that opened something knows is checked there. */
function parseHandover(value: unknown): Handover {
  const { texts, provisions, descriptors } = record(value, 'handover');
  const known = optional(descriptors, (list) => array(list, 'descriptors').map(natural));
  return {
    texts: Object.fromEntries(Object.entries(record(texts, 'texts')).map(([path, content]) => [path, text(content)])),
    ...(provisions === undefined ? {} : { provisions }),
    ...(known === undefined ? {} : { descriptors: known }),
  };
}

/** The variable for the next program, and the descriptor that must stay open for it. */
export function prepareHandover(
  addon: Pick<DescriptorsAddon, 'sealedMemoryFile'>,
  handover: Handover,
  pid: number,
): { readonly environment: Readonly<Record<string, string>>; readonly descriptor: number } {
  const descriptor = addon.sealedMemoryFile('fanout-cluster handover', Buffer.from(JSON.stringify(handover)));
  return { environment: { [HANDOVER_VARIABLE]: `${pid}:${descriptor}` }, descriptor };
}

/** Descriptors of this process that its command line names by path, such as the shell does for `<(command)`. */
export function descriptorsNamedIn(argv: readonly string[]): readonly number[] {
  return argv.flatMap((text) => [...text.matchAll(/\/(?:dev|proc\/[\w-]+)\/fd\/(\d{1,9})/g)].map(([, number]) => Number(number)));
}

/** The lab's variable is in src/lab/namespace.ts. */
const KEPT_VARIABLES = ['PATH', 'TERM', 'NO_COLOR', 'LANG', 'LC_ALL', 'TZ', 'FANOUT_CLUSTER_LAB'];

/**
 * For a program that has less rights than this one, and what this one opened: the loader and Node.js pay no heed to what a caller chose while
 * there are capabilities of a file (AT_SECURE), and would then.
 */
export function environmentToGoOnWith(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const kept = KEPT_VARIABLES.map((name) => [name, environment[name]] as const);
  return Object.fromEntries(kept.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

/** Texts that the command line names by path, each read once. */
export class Texts {
  readonly #handed: Map<string, string>;

  constructor(handed: Handover['texts'] = {}) {
    this.#handed = new Map(Object.entries(handed));
  }

  /** @param readText reads at most so many bytes */
  read(path: string, bytesMax: number, readText: (path: string, bytesMax: number) => string): string {
    const handed = this.#handed.get(path);
    if (handed !== undefined) return handed;
    const text = readText(path, bytesMax);
    if (!statSync(path).isFile()) this.#handed.set(path, text);
    return text;
  }

  /** Asked once: the answer goes along as text. A name has a NUL before it, as no path can. */
  recall<T>(name: string, ask: () => T): T {
    const key = `\0${name}`;
    const known = this.#handed.get(key);
    if (known !== undefined) return JSON.parse(known) as T;
    const answer = ask();
    this.#handed.set(key, JSON.stringify(answer));
    return answer;
  }

  /** Of pipes and the like: a file can be read again. */
  get fleeting(): Handover['texts'] {
    return Object.fromEntries(this.#handed);
  }
}
