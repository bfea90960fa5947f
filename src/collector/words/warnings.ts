/** Words for warnings. Pure. */
import type { WarningArgs } from '../../model/findings/warning.ts';
import { attachedText } from '../../model/flow-dissector.ts';
import { designText } from '../../model/kernel-model.ts';
import { counted, grouped } from './english.ts';
import { orderInverted } from './order.ts';
import { aboveMtu, packetsTwice } from './packets.ts';
import type { Words } from './say.ts';

export const WARNING_WORDS: Words<WarningArgs> = {
  'stack-on-one-member': ({ stack, flows, member, builtin }) => ({
    message: `all ${grouped(flows)} two-way flows of ${stack} were on worker ${member}: this kind of traffic does not spread over the group`,
    remedy: `expect that process to be overloaded when such traffic dominates${builtin === 'addresses' ? '; the policy ports spreads flows between two hosts (--ebpf-program builtin:ports)' : ''}`,
  }),
  'mostly-one-way': ({ oneWay, total, isOfFile }) => ({
    message: `${grouped(oneWay)} of ${grouped(total)} flows were seen in one direction only and prove nothing about the other`,
    remedy:
      isOfFile === true ? 'capture where both directions pass' : 'see whether the mirror or tap delivers both directions to this interface',
  }),
  'flows-forgotten': ({ forgotten, oneWay, flowsMax }) => {
    const one = forgotten === 1;
    return {
      message: `${grouped(forgotten)} of ${grouped(oneWay)} flows that were seen in one direction only made room for others, the oldest first: the flow table has room for ${grouped(flowsMax)}. ${one ? 'It is' : 'They are'} counted, and a flow in one direction proves nothing, so the answer does not rest on ${one ? 'it' : 'them'}; but a flow whose other direction came only after that counts as two, and had it been split, this run would not show it`,
      remedy: 'give the flow table more memory (--flow-memory), or leave the flood out with --filter',
    };
  },
  'outgoing-packets': ({ outgoing, captured, mode, remedy }) => {
    const unless =
      remedy === 'ignore-unless-an-end' ? '; not where this host is an end or a hop of the flows: then they are the other direction' : '';
    return {
      message: `${outgoing >= captured ? `all ${grouped(captured)}` : `${grouped(outgoing)} of ${grouped(captured)}`} captured packets were sent by this host${mode === 'hash' ? '' : `; mode ${mode} steers those by other rules than received ones`}`,
      ...(remedy === 'none' ? {} : { remedy: `use --ignore-outgoing (Linux 6.2 or newer) to judge received packets only${unless}` }),
    };
  },
  'ignore-outgoing-ineffective': ({ kernel, came, mode }) => {
    const what =
      came > 0
        ? `this kernel (${kernel}) took the flag ignore-outgoing without effect: ${counted(came, 'packet')} that this host sent came all the same. This run left them out`
        : `this kernel (${kernel}) takes the flag ignore-outgoing, but by its release it does not know it. No packet that this host sent came, so this run does not show it`;
    const turns = mode === 'hash' ? '' : `; in mode ${mode} they take part in choosing the process`;
    return {
      message: `${what}; an IDS with this flag gets them${turns}`,
      remedy: 'the flag needs Linux 6.2: update the kernel, or capture on an interface that only receives',
    };
  },
  'packets-twice': packetsTwice,
  'above-mtu': aboveMtu,
  'order-inverted': orderInverted,
  'rollover-untested': () => ({
    message: 'rollover moves flows only when a ring is full; this run shows nothing about such load',
    remedy: 'do not rely on this answer at peak load; leave rollover off for an IDS',
  }),
  'bpf-flow-dissector': ({ dissector }) => ({
    message: `${attachedText(dissector)}: mode hash covers what it reports, so this answer is about that program and not about the kernel's own hash`,
    remedy: dissector.isBuiltin
      ? '`sudo fanout-cluster cure --status` describes it; test again when it is undone'
      : `"bpftool prog show id ${dissector.programId}" describes it; test again when it is changed, replaced or detached`,
  }),
  'older-hash': ({ kernel, design, wasAsked }) => ({
    message: `kernel ${kernel} ${designText(design)}, ${wasAsked ? 'as it showed when it was asked' : 'by its release'}; the kernel keys of this run are those of such a kernel, and current ones hash these packets otherwise`,
  }),
};
