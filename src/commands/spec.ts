/** What a command is made of. Each has a folder, and a line in the registry. */
import type { ExitStatus } from '../errors.ts';
import type { OptionKey, OptionSet, RawOptions } from '../options/table.ts';
import type { Host } from '../process/host.ts';

export interface CommandSpec<K extends OptionKey = OptionKey> {
  readonly name: string;
  /** One line of the list of commands. */
  readonly summary: string;
  /** Its one argument, such as "[file]", or all of them; without it no word is taken. */
  readonly argument?: {
    readonly syntax: string;
    readonly help: string;
    /** As many words as are given. */
    readonly isList?: true;
  };
  readonly options: OptionSet<K>;
  /** At the end of its --help. */
  readonly exitStatuses: string;
  /** Understands what was typed, does the work, and reports it. What the work needs is imported here, as --help and typing errors need none of it. */
  readonly perform: (given: Given<K>, host: Host) => Promise<ExitStatus>;
}

export interface Given<K extends OptionKey = OptionKey> {
  readonly typed: Pick<RawOptions, K>;
  /** The first word. */
  readonly argument?: string | undefined;
  readonly words: readonly string[];
}

export function commandSpec<K extends OptionKey>(spec: CommandSpec<K>): CommandSpec<K> {
  return spec;
}

/** Of commands that measure: what 0 and 3 mean. */
export function exitText(answers: string, inconclusive: string): string {
  return `Exit status: ${answers}, 2 usage, ${inconclusive}, 4 cannot run, 70 defect of this tool.`;
}
