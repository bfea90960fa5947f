/** Words for packets that came out of order. Pure. */
import type { WarningArgs } from '../../model/findings/warning.ts';
import { counted, grouped } from './english.ts';
import { oneQueue } from './rss.ts';
import type { Said } from './say.ts';

type Inverted = Exclude<WarningArgs['order-inverted'], { kind: 'recommended' }>;

export function orderInverted(args: WarningArgs['order-inverted']): Said {
  if (args.kind === 'recommended')
    return {
      message: `${grouped(args.inversions)} of ${grouped(args.checked)} packets checked reached their process after later ones of their flow: the directions of a flow came through different receive queues`,
      remedy: 'make RSS symmetric or use one receive queue; stream reassembly counts such packets as gaps or as wrong acknowledgements',
    };
  const { checked, inversions, flows, kinds } = args;
  const how =
    kinds === undefined
      ? ''
      : ` (${grouped(kinds.synAckFirst)} SYN behind their SYN/ACK, ${grouped(kinds.ackFirst)} segments behind their acknowledgment)`;
  return {
    message: `${counted(inversions, 'packet')} of ${grouped(checked)} checked, of ${counted(flows, 'flow')}, reached their process after one that was sent later${how}; an IDS then sees answers before what they answer, and drops or misreads segments, though every flow is on one process`,
    remedy: remedyOf(args),
  };
}

function remedyOf(args: Inverted): string {
  switch (args.kind) {
    case 'live':
      return [
        ...liveRemedies(args),
        'a tap or mirror that hands out each direction on a port of its own inverts them before they arrive',
      ].join('; ');
    case 'lab':
      return 'both directions of these flows were received on different queues or CPUs: with one queue, or one CPU that receives, the order is kept; on a NIC, so does RSS that is symmetric';
    case 'pcap':
      return 'the capture file holds the packets in this order already: capture both directions on one receive queue, or put the file in order before it is analysed';
  }
}

function liveRemedies({ interface: device, spreading, merging }: Extract<Inverted, { readonly kind: 'live' }>): readonly string[] {
  if (spreading.kind !== 'nic') {
    return [
      `${device} has no queues of a NIC that tells how it spreads: look where its packets come from, which is on several CPUs for both directions of a flow`,
      'switch packet steering (rps_cpus) off',
    ];
  }
  const first = [
    ...oneQueue(device, spreading.queues),
    'receive with RSS that is symmetric, so that both directions of a flow share a queue',
  ];
  const unmerged = merging.length === 0 ? '' : ` and merging ("ethtool -K ${device} ${merging.map((name) => `${name} off`).join(' ')}")`;
  return [
    `${first.join(', or ')}, and fix each queue's interrupt to one CPU (stop irqbalance, write /proc/irq/N/smp_affinity_list)`,
    `switch packet steering (rps_cpus)${unmerged} off`,
  ];
}
