/** What to do about a cause in a few words, for the first and the last line of a report. Pure. */
import { CURE_HASH, cureGroup } from '../../deployment/levers.ts';
import type { CauseCode } from '../../model/cause.ts';
import type { CauseArgs } from '../../model/findings/cause.ts';
import type { FoundCause } from '../../model/run-result.ts';
import { CURE_IN_SHORT, CURED_RUN, WITHOUT_HASH_IN_SHORT } from './cure.ts';

/** A sentence without its full stop; undefined where nothing is to be done about the group. */
type InShort = { readonly [Code in CauseCode]?: string | ((args: CauseArgs[Code]) => string) };

const USE_HASH = 'Use --mode hash';
const UPDATE = 'Update the kernel';

const IN_SHORT: InShort = {
  'hash-asymmetric': WITHOUT_HASH_IN_SHORT,
  'known-bug-a': ({ dissector }) => (dissector === undefined ? UPDATE : WITHOUT_HASH_IN_SHORT),
  'known-bug-b': ({ dissector }) => (dissector === undefined ? UPDATE : WITHOUT_HASH_IN_SHORT),
  'known-bug-c': ({ dissector }) => (dissector === undefined ? UPDATE : WITHOUT_HASH_IN_SHORT),
  'known-bug-d': `${CURE_IN_SHORT}, or end the tunnel before the sensor`,
  'sent-tagged': 'Capture where these packets are received',
  'fragment-v4': ({ isDefrag, inReach }) => (isDefrag || inReach === 'none' ? CURE_IN_SHORT : `Set --defrag, or run "${CURE_HASH}"`),
  'fragment-v6': CURE_IN_SHORT,
  'tunnel-outer-only': ({ inTunnels, tagTypesDiffer, mixed, concernsNoReader }) => {
    const isOutside = inTunnels === undefined && (tagTypesDiffer || mixed !== undefined);
    const [elsewhere, orElse] = isOutside
      ? ['Have the packet broker strip labels and tags', 'have the packet broker strip labels and tags']
      : ['End the tunnel before the sensor', 'end the tunnel before the sensor'];
    return concernsNoReader ? elsewhere : `${CURE_IN_SHORT}, or ${orElse}`;
  },
  'rss-asymmetric': 'Make RSS symmetric, or use --mode hash',
  'lb-by-design': USE_HASH,
  'rnd-by-design': USE_HASH,
  'rollover-under-load': ({ passedOn }) => (passedOn === undefined ? USE_HASH : 'Leave --rollover off'),
  'bpf-program': ({ builtin }) => (builtin === 'addresses' ? 'See the violations below' : `Use ${CURED_RUN}`),
  'bpf-program-missing': ({ mode }) =>
    mode === 'ebpf' ? `Run "${cureGroup('ID')}", or use --mode hash` : 'Attach a steering program, or use --mode hash',
  duplicated: 'Let each packet come to the interface once',
  unexplained: 'See the violations below',
};

export function remedyInShort(cause: Pick<FoundCause, 'code' | 'args'>): string | undefined {
  const words: string | ((args: never) => string) | undefined = IN_SHORT[cause.code];
  return typeof words === 'function' ? words(cause.args as never) : words;
}
