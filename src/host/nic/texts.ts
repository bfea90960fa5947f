/** What /proc and /sys say of queues, interrupts and losses, as text. Pure: undefined is no such text. */
import { parseCpuList } from '../../model/cpu-list.ts';
import type { SoftnetRow } from '../../nic/facts.ts';

/** No kernel is built for more (CONFIG_NR_CPUS). */
const CPU_MAX = 8191;

/** "00000000,0000000f": words of 32 bits, the highest first (bitmap_print_to_pagebuf() of the kernel). */
export function parseCpuMask(text: string): readonly number[] | undefined {
  const words = text.trim().split(',');
  if (words.length * 32 > CPU_MAX + 1 || !words.every((word) => /^[0-9a-f]{1,8}$/i.test(word))) return undefined;
  return words.reverse().flatMap((word, i) => {
    const bits = Number.parseInt(word, 16);
    return Array.from({ length: 32 }, (_, bit) => bit)
      .filter((bit) => ((bits >>> bit) & 1) === 1)
      .map((bit) => 32 * i + bit);
  });
}

/** "0-3,8"; empty is a list of none. */
export function parseCpus(text: string): readonly number[] | undefined {
  const list = text.trim();
  return list === '' ? [] : parseCpuList(list);
}

/** One number of a line; -1 stands for none at several places. */
export function parseNumber(text: string): number | undefined {
  const number = /^\s*(-?\d{1,15})\s*$/.exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** The names in /proc/net/dev, sorted: two lines of headings, then one for each. */
export function parseDevices(text: string): readonly string[] {
  return text
    .split('\n')
    .slice(2)
    .flatMap((line) => /^\s*(\S+):/.exec(line)?.[1] ?? [])
    .sort();
}

/** "802.3ad 4", as files below bonding/ have what is chosen. */
export function parseChoice(text: string): string | undefined {
  return /^(\S+)(?: \d+)?\s*$/.exec(text)?.[1];
}

/**
 * /proc/net/softnet_stat (softnet_seq_show() of net/core/net-procfs.c): hexadecimal, a line for each CPU that is online. Older kernels have fewer
 * columns: before 5.10 nothing says which CPU it is.
 */
export function parseSoftnet(text: string): readonly SoftnetRow[] | undefined {
  const rows: SoftnetRow[] = [];
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const columns = line.trim().split(/\s+/);
    if (columns.length < 3 || !columns.every((column) => /^[0-9a-f]{1,8}$/i.test(column))) return undefined;
    const at = (column: number): number => Number.parseInt(columns[column] ?? '0', 16);
    rows.push({
      cpu: columns.length > CPU_COLUMN ? at(CPU_COLUMN) : rows.length,
      dropped: at(1),
      squeezed: at(2),
      rps: at(9),
      flowLimited: at(10),
    });
  }
  return rows.length === 0 ? undefined : rows;
}

const CPU_COLUMN = 12;

/**
 * /proc/interrupts (show_interrupts() of kernel/irq/proc.c): behind the counters a controller, its number for it, and after two spaces or more who
 * asked for it.
 */
export function parseInterrupts(text: string): ReadonlyMap<number, string> | undefined {
  const [heading = '', ...lines] = text.split('\n');
  const cpus = heading.trim().split(/\s+/);
  if (!cpus.every((cpu) => /^CPU\d+$/.test(cpu))) return undefined;
  const names = new Map<number, string>();
  for (const line of lines) {
    const match = /^\s*(\d{1,9}):((?:\s+\d+)+)\s(.*)$/.exec(line);
    if (match === null) continue;
    const [, irq, , rest = ''] = match;
    names.set(
      Number(irq),
      rest
        .split(/\s{2,}/)
        .at(-1)
        ?.trim() ?? '',
    );
  }
  return names;
}

/** Of what drivers count, that which means that packets were received and lost; a program that drops them (XDP) means to. */
export function isLoss(counter: string): boolean {
  const name = counter.toLowerCase();
  if (!/rx|recv|receive/.test(name) || /(?:^|[^a-z])tx(?:[^a-z]|$)|xdp/.test(name)) return false;
  return LOSS.some((pattern) => pattern.test(name));
}

const LOSS: readonly RegExp[] = [
  /drop|discard|missed|overflow|overrun|ovfl|fifo/,
  /no_?(?:buf|desc|dma|mem)/,
  /out_of_buf|\boob\b/,
  /alloc.*(?:fail|err)|fail.*alloc/,
];

/** What ethtool calls features of the kernel that have other names there (off_flag_def of ethtool.c). */
const NAMES_OF_ETHTOOL: ReadonlyMap<string, string> = new Map([
  ['rx-checksum', 'rx-checksumming'],
  ['tx-generic-segmentation', 'generic-segmentation-offload'],
  ['rx-gro', 'generic-receive-offload'],
  ['rx-lro', 'large-receive-offload'],
  ['rx-vlan-hw-parse', 'rx-vlan-offload'],
  ['tx-vlan-hw-insert', 'tx-vlan-offload'],
  ['rx-ntuple-filter', 'ntuple-filters'],
  ['rx-hashing', 'receive-hashing'],
]);

export function featureName(name: string): string {
  return NAMES_OF_ETHTOOL.get(name) ?? name;
}

/** RXH_* of linux/ethtool.h, as letters of ethtool -N (rx-flow-hash); what has none yet is "?". */
export function hashFieldLetters(fields: number): string {
  const known = FIELD_LETTERS.filter(([bit]) => isSet(fields, bit));
  const isMore = Array.from({ length: 53 }, (_, bit) => bit).some(
    (bit) => isSet(fields, bit) && !FIELD_LETTERS.some(([one]) => one === bit),
  );
  return known.map(([, letter]) => letter).join('') + (isMore ? '?' : '');
}

const FIELD_LETTERS: readonly (readonly [number, string])[] = [
  [1, 'm'],
  [2, 'v'],
  [3, 't'],
  [4, 's'],
  [5, 'd'],
  [6, 'f'],
  [7, 'n'],
  [8, 'e'],
  [31, 'r'],
];

/** Above 2^31 as well. */
function isSet(bits: number, bit: number): boolean {
  return Math.floor(bits / 2 ** bit) % 2 === 1;
}
