/** What put packets of one flow on several receive queues or CPUs. Pure. */
import { definedOf } from '../../model/defined.ts';
import type { ViolationGroup } from '../../model/evidence.ts';
import type { FanoutMode } from '../../model/fanout.ts';
import type { CauseArgs, CauseFlows, NicFlaw } from '../../model/findings/cause.ts';
import type { LinkState } from '../../model/link.ts';
import type { NicFacts } from '../../model/run-facts.ts';
import type { QueueSetting, Spreading } from '../../model/spreading.ts';
import { isTunnelled } from './stack-layers.ts';

interface RssContext {
  readonly mode: FanoutMode;
  readonly interface: string;
  readonly outgoing: number;
  readonly groups: readonly ViolationGroup[];
  readonly nic?: NicFacts;
  /** Of a live interface, where it could be asked about. */
  readonly link?: LinkState;
}

/** What the cause `rss-asymmetric` is about, which is one of the modes qm and cpu. */
export function received({
  mode,
  interface: device,
  outgoing,
  groups,
  nic,
  link,
}: RssContext): Omit<CauseArgs['rss-asymmetric'], keyof CauseFlows> {
  return {
    mode: mode === 'qm' ? 'qm' : 'cpu',
    by:
      nic === undefined
        ? { kind: 'device', interface: device, spreading: spreadingOf(link), outgoing }
        : { kind: 'simulated', nic, flaws: flawsOf(nic, groups) },
  };
}

/** Kinds of devices whose packets others received: the receive queue stays that of the NIC below. */
const ABOVE_OTHERS = ['bond', 'team', 'vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'bridge', 'vrf'];

/** By what the kernel says of the device, where it could be asked. */
export function spreadingOf(link: LinkState | undefined): Spreading {
  if (link === undefined) return { kind: 'nic', queues: 'combined' };
  const { kind, receiveRings, channels, isHardware, keyBytes } = link;
  if (kind !== undefined) return { kind: ABOVE_OTHERS.includes(kind) ? 'below' : 'senders' };
  const queues = queuesOf(channels);
  if (receiveRings !== undefined) return { kind: 'nic', ...definedOf({ keyBytes, queues }) };
  return channels !== undefined || isHardware === true ? { kind: 'untold', ...definedOf({ queues }) } : { kind: 'senders' };
}

function queuesOf(channels: LinkState['channels']): QueueSetting | undefined {
  if (channels === undefined || channels.used <= 1) return undefined;
  return channels.isCombined ? 'combined' : 'rx';
}

/** What a simulated NIC does that splits flows, of which these are the split ones. */
function flawsOf(nic: NicFacts, groups: readonly ViolationGroup[]): readonly NicFlaw[] {
  const isFragmented = groups.some(({ fragments }) => fragments !== 'none');
  const isWrapped = groups.some(({ stack, mixedWrappings }) => mixedWrappings || isTunnelled(stack));
  return [
    ...(nic.isSymmetric ? [] : (['directions'] as const)),
    ...(nic.hashesPorts && isFragmented ? (['fragments'] as const) : []),
    ...(isWrapped ? (['tunnels'] as const) : []),
  ];
}
