/** What to do about a cause in a few words, for the first and the last line of a report. Pure. */
import type { CauseCode } from '../../model/cause.ts';
import type { CauseArgs } from '../../model/findings/cause.ts';
import type { FoundCause } from '../../model/run-result.ts';

/** A sentence without its full stop; undefined where nothing is to be done about the group. */
type InShort = { readonly [Code in CauseCode]?: string | ((args: CauseArgs[Code]) => string) };

const USE_HASH = 'Use --mode hash';
const OTHER_MODE = 'Use another mode, or a steering program (--mode ebpf)';
const UPDATE = 'Update the kernel';

const IN_SHORT: InShort = {
  'hash-asymmetric': OTHER_MODE,
  'known-bug-a': ({ dissector }) => (dissector === undefined ? UPDATE : OTHER_MODE),
  'known-bug-b': ({ dissector }) => (dissector === undefined ? UPDATE : OTHER_MODE),
  'known-bug-c': ({ dissector }) => (dissector === undefined ? UPDATE : OTHER_MODE),
  'known-bug-d': 'End the tunnel before the sensor, or steer by the inner flow (--mode ebpf)',
  'sent-tagged': 'Capture where these packets are received',
  'fragment-v4': ({ isDefrag, inReach }) =>
    isDefrag || inReach === 'none' ? 'Strip the outer tags, or end the tunnel, before the sensor' : 'Set --defrag',
  'fragment-v6': 'Steer by addresses (--mode ebpf)',
  'tunnel-outer-only': ({ inTunnels, tagTypesDiffer, mixed }) =>
    inTunnels === undefined && (tagTypesDiffer || mixed !== undefined)
      ? 'Have the packet broker strip labels and tags, or steer by the inner flow (--mode ebpf)'
      : 'End the tunnel before the sensor, or steer by the inner flow (--mode ebpf)',
  'rss-asymmetric': 'Make RSS symmetric, or use --mode hash',
  'lb-by-design': USE_HASH,
  'rnd-by-design': USE_HASH,
  'rollover-under-load': ({ passedOn }) => (passedOn === undefined ? USE_HASH : 'Leave --rollover off'),
  'bpf-program': 'Make the steering program symmetric',
  'bpf-program-missing': 'Attach a steering program, or use --mode hash',
  duplicated: 'Let each packet come to the interface once',
  unexplained: 'See the violations below',
};

export function remedyInShort(cause: Pick<FoundCause, 'code' | 'args'>): string | undefined {
  const words: string | ((args: never) => string) | undefined = IN_SHORT[cause.code];
  return typeof words === 'function' ? words(cause.args as never) : words;
}
