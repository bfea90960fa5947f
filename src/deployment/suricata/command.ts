/** Command lines of Suricata: what they take of the file, and what they say instead. Pure. */
import { type CommandLine, isOption, optionsIn, valuesOf, type Word } from '../shell-words.ts';
import type { Overrides } from './read.ts';

const WITH_VALUE = new Set([
  ...['-c', '-i', '-r', '-l', '-s', '-S', '-F', '-q', '-d', '-k', '--set', '--include', '--pidfile', '--user', '--group', '--runmode'],
]);

/** Ways to capture that leave the section af-packet alone. */
const OTHER_CAPTURE =
  /^(?:--pcap|-r|--dpdk|-q|--nfqueue|-d|--ipfw|--pfring(?:-int)?|--netmap|--af-xdp|--dag|--napatech|--windivert|--erf-in|--unix-socket|--pcap-file-\S+)$/;

export interface SuricataCommand {
  /** Of -c. */
  readonly config?: string;
  readonly overrides: Overrides;
  /** Captures by another way: the option that says so. */
  readonly otherCapture?: Word;
}

export function suricataCommand(args: CommandLine): SuricataCommand {
  const items = optionsIn(args, WITH_VALUE);
  const placed = ({ text, at }: Word) => ({ value: text, at });
  const interfaces = valuesOf(items, '--af-packet', '-i').map(placed);
  const settings = valuesOf(items, '--set').map(placed);
  const runmode = valuesOf(items, '--runmode').map(({ text, at }) => ({ value: `runmode=${text}`, at }));
  const config = valuesOf(items, '-c').at(-1)?.text;
  const other = items.find((item) => isOption(item) && OTHER_CAPTURE.test(item.name));
  const captures = items.some((item) => isOption(item) && (item.name === '--af-packet' || item.name === '-i'));
  return {
    ...(config === undefined ? {} : { config }),
    overrides: {
      ...(interfaces.length === 0 ? {} : { interfaces }),
      ...(settings.length + runmode.length === 0 ? {} : { settings: [...settings, ...runmode] }),
    },
    ...(other !== undefined && isOption(other) && !captures ? { otherCapture: { text: other.name, at: other.at } } : {}),
  };
}
