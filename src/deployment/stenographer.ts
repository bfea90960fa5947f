/** Stenographer's JSON, and the options of stenotype that its Flags hold (stenotype.cc). Pure. */
import type { FanoutFlag, FanoutMode } from '../model/fanout.ts';
import { FANOUT_FLAGS, fanoutModeOf } from '../model/fanout.ts';
import type { Group } from './group.ts';
import { firstPlaceholder, placeholderIn } from './placeholders.ts';
import { type Context, type Read, unreadable } from './reading.ts';
import type { Note } from './rules.ts';
import type { Place, Source } from './source.ts';

/** What of a capture its options say. */
export interface Stenotype {
  readonly interface: string;
  readonly threads: number;
  readonly flags: readonly string[];
  readonly origins: Readonly<Record<string, Place>>;
}

export function readStenographer(source: Source, { note }: Context): Read {
  const program = 'stenographer' as const;
  let config: unknown;
  try {
    config = JSON.parse(source.text);
  } catch (error) {
    const open = firstPlaceholder(source);
    if (open === undefined)
      return {
        program,
        ...unreadable(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`, 'mend the JSON; jq(1) names the place'),
      };
    note('template-not-filled', { placeholder: open.value }, open.at);
    return { program, outcome: 'template', groups: [] };
  }
  if (typeof config !== 'object' || config === null)
    return { program, ...unreadable('it is no JSON object', 'name a configuration of Stenographer') };
  return { program, groups: stenotypeGroups(stenotypeOf(config, source), note) };
}

function stenotypeOf(config: object, source: Source): Stenotype {
  const { Interface: device, Threads: threads, Flags: flags } = config as Record<string, unknown>;
  const at = (key: string): Place => source.placeOf(Math.max(0, source.text.indexOf(`"${key}"`)));
  return {
    interface: typeof device === 'string' ? device : 'eth0',
    threads: Array.isArray(threads) ? threads.length : 1,
    flags: Array.isArray(flags) ? flags.filter((flag): flag is string => typeof flag === 'string') : [],
    origins: { interface: at('Interface'), procs: at('Threads'), mode: at('Flags') },
  };
}

/** The default of --fanout_type: PACKET_FANOUT_LB and the flag rollover. */
const DEFAULT_TYPE = 0x1001;

export function stenotypeGroups({ interface: device, threads, flags, origins }: Stenotype, note: Note): readonly Group[] {
  const [id, type] = [flagIn(flags, 'fanout_id'), flagIn(flags, 'fanout_type')];
  const open = placeholderIn(device);
  if (open !== undefined) note('template-not-filled', { placeholder: open }, origins['interface']);
  if (id === 0) note('id-zero', { program: 'stenographer' }, origins['mode']);
  if (id !== undefined && (id < 0 || id > 65535)) note('id-out-of-range', { program: 'stenographer', given: String(id) }, origins['mode']);
  if (threads < 2 && !(id !== undefined && id > 0)) {
    note('one-member', { program: 'stenographer', interface: device }, origins['procs']);
    return [];
  }
  if (type === undefined) note('stenotype-default-mode', { threads }, origins['mode']);
  const { mode, set } = modeOf(type ?? DEFAULT_TYPE);
  const isOwnId = id !== undefined && id > 0;
  return [
    {
      program: 'stenographer',
      interface: open === undefined ? device : null,
      procs: threads,
      mode,
      flags: set,
      id: isOwnId ? id : null,
      tpacket: 'v3',
      blockSize: 2 ** 20,
      blocks: flagIn(flags, 'blocks') ?? 2048,
      promisc: true,
      group: true,
      ...(isOwnId && open === undefined
        ? {}
        : {
            unresolved: {
              ...(isOwnId ? {} : { id: 'low 16 bits of the process id' }),
              ...(open === undefined ? {} : { interface: device }),
            },
          }),
      origins,
    },
  ];
}

function flagIn(flags: readonly string[], name: string): number | undefined {
  const text = flags.findLast((flag) => new RegExp(`^--?${name}=`).test(flag))?.split('=')[1];
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function modeOf(type: number): { readonly mode: FanoutMode; readonly set: readonly FanoutFlag[] } {
  const names = Object.keys(FANOUT_FLAGS) as readonly FanoutFlag[];
  return { mode: fanoutModeOf(type & 0xff) ?? 'hash', set: names.filter((name) => (type & FANOUT_FLAGS[name]) !== 0) };
}
