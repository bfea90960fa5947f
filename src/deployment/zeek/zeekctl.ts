/** zeekctl.cfg: the prefix of interfaces for lb_method=custom, and arguments of every Zeek. It deploys nothing itself. Pure. */
import { templateIn } from '../placeholders.ts';
import type { Context, Read } from '../reading.ts';
import { commandLines, optionsIn, valuesOf } from '../shell-words.ts';
import { type Line, linesOf, type Placed, type Source } from '../source.ts';

export interface ZeekctlSettings {
  readonly prefix?: Placed;
  /** Of -f in zeekargs. */
  readonly filter?: string;
}

function settingOf({ text, placeOf }: Source, name: string): Placed | undefined {
  let found: Line | undefined;
  for (const line of linesOf(text)) if (!line.text.trimStart().startsWith('#') && keyOf(line.text) === name) found = line;
  if (found === undefined) return undefined;
  const raw = found.text.slice(found.text.indexOf('=') + 1);
  return { value: raw.trim(), at: placeOf(found.offset + found.text.length - raw.trimStart().length) };
}

/** Spelled in any case. */
function keyOf(line: string): string {
  const cut = line.indexOf('=');
  return cut < 0 ? '' : line.slice(0, cut).trim().toLowerCase();
}

export function zeekctlSettings(source: Source): ZeekctlSettings {
  const prefix = settingOf(source, 'lb_custom.interfaceprefix');
  const args = settingOf(source, 'zeekargs') ?? settingOf(source, 'broargs');
  const [words = []] = args === undefined ? [] : commandLines(args.value, source);
  const filter = valuesOf(optionsIn(words, new Set(['-f', '--filter'])), '-f', '--filter').at(-1)?.text;
  return { ...(prefix === undefined || prefix.value === '' ? {} : { prefix }), ...(filter === undefined ? {} : { filter }) };
}

/** Packet sources of other plugins. */
const OTHER_SOURCES = /^(?:pcap|pf_ring|netmap|myricom|snf|napatech|dpdk|endace|dag|fmadio)::$/i;

export function readZeekctl(source: Source, { note }: Context): Read {
  const template = templateIn(source);
  if (template !== undefined) {
    note('template-not-filled', { placeholder: template.value }, template.at);
    return { program: 'zeek', outcome: 'template', groups: [] };
  }
  const { prefix } = zeekctlSettings(source);
  if (prefix !== undefined && prefix.value !== 'af_packet::' && !OTHER_SOURCES.test(prefix.value))
    note('zeek-prefix-wrong', { given: prefix.value }, prefix.at);
  return { program: 'zeek', outcome: 'companion', groups: [] };
}
