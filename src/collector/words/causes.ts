/** Words for causes. Pure. */
import type { CauseArgs } from '../../model/findings/cause.ts';
import { CURED_RUN, STEER_INSIDE } from './cure.ts';
import { counted, grouped } from './english.ts';
import { ofFlows } from './flows.ts';
import { FRAGMENT_WORDS } from './fragments.ts';
import { HASH_WORDS } from './hash.ts';
import { RSS_WORDS } from './rss.ts';
import type { Advised, Words } from './say.ts';
import { UNSPREAD_WORDS } from './unspread.ts';
import { WRAPPING_WORDS } from './wrappings.ts';

export const CAUSE_WORDS: Words<CauseArgs> = {
  ...HASH_WORDS,
  ...FRAGMENT_WORDS,
  ...WRAPPING_WORDS,
  ...RSS_WORDS,
  ...UNSPREAD_WORDS,
  'known-bug-d': (args) =>
    ofFlows(args, {
      message:
        'the kernel hashes octets 8 to 11 of the outer IPv6 source address together with the inner IPv4 flow, and each direction has another source there; it does so wherever struct flow_keys ends in padding, as in mainline since Linux 5.5, and no later release is known that does not',
      remedy: `${STEER_INSIDE}; or end the tunnel (DS-Lite, 4in6, GRE over IPv6) before the sensor`,
    }),
  'sent-tagged': (args) =>
    ofFlows(args, {
      message:
        'this host sent packets of these flows with the VLAN tag in their bytes, and the kernel then looks for the tag behind the tag: it hashes what stands there, of IPv4 the total length of the packet, and neither addresses nor ports; packets that are received are hashed properly',
      remedy: `capture where these packets are received, or where they have no tag yet: on the VLAN device or on the bridge; where VLAN devices send them and the driver can insert tags, "ethtool -K ${args.interface} tx-vlan-offload on"; a test with tcpreplay has to send from the other end; --mode qm is no cure, as it goes by the queue of the sender`,
    }),
  'tunnel-payload-types': (args) =>
    ofFlows(args, {
      message:
        'the tunnel carries frames without IP (such as ARP, LLDP, STP, LCP or keepalives), and the kernel hashes the type of what follows the last header that it reads, so frames of different types may be on different processes',
      remedy: 'none is needed: flows inside the tunnel are judged by themselves, and these frames belong to none',
    }),
  'esp-ah-spi': (args) => {
    const why = args.isMixed
      ? 'some packets have an AH header, and others none'
      : 'each direction is a security association with an SPI of its own';
    return ofFlows(args, {
      message: `the kernel hashes the SPI of ESP and AH where it hashes the ports of TCP, and ${why}`,
      remedy: `none is needed for ESP: an IDS cannot look inside; what AH carries it can: capture that behind the gateway that ends AH, or ${STEER_INSIDE}`,
    });
  },
  'icmp-error': (args) => {
    const { mode, seen } = args;
    const whatHappened =
      seen === 'process' ? 'an ICMP error about the flow was on another process' : 'an ICMP error about the flow has another kernel key';
    const why =
      mode === 'hash'
        ? 'the kernel hashes the addresses and the protocol of the error itself, which may come from any router, and does not look at the packet that it quotes'
        : `mode ${mode} steers the error by its own packet, not by the one that it quotes`;
    return ofFlows(args, {
      message: `${whatHappened}; ${why}`,
      remedy: `none is needed for the flows, which stayed whole; rules that need error and flow together cannot match, unless you ${STEER_INSIDE}`,
    });
  },
  'lb-by-design': (args) =>
    ofFlows(args, {
      message: 'mode lb deals packets out in turn, so a flow of two packets is on two processes by design',
      remedy: 'use --mode hash for an IDS',
    }),
  'rnd-by-design': (args) =>
    ofFlows(args, {
      message: 'mode rnd chooses a process at random for each packet, by design',
      remedy: 'use --mode hash for an IDS',
    }),
  'rollover-under-load': (args) =>
    ofFlows(
      args,
      args.passedOn === undefined
        ? {
            message: 'mode rollover fills one process until its ring has no room, then moves all flows to the next',
            remedy: 'use --mode hash',
          }
        : {
            message: `a ring had no room, and the kernel passed ${counted(args.passedOn, 'packet')} on to other processes`,
            remedy: 'leave --rollover off; give rings more memory (--ring-size) or more processes instead',
          },
    ),
  'bpf-program': (args) => ofFlows(args, bpfProgram(args)),
  'membership-change': (args) =>
    ofFlows(args, {
      message: 'they moved when a process joined or left: the kernel then maps about half of all flows anew, in every mode by hash',
      remedy: 'restart the whole group rather than single processes',
    }),
  duplicated: (args) =>
    ofFlows(args, {
      message: 'the same packets come to more than one process',
      remedy: `find out why ${args.interface} sees each packet twice: a mirror of both directions of two ports or VLANs, a bridge and its port, or a loopback device`,
    }),
  unexplained: (args) => ofFlows(args, unexplained(args)),
};

function bpfProgram({ mode, builtin }: CauseArgs['bpf-program']): Advised {
  if (builtin === undefined)
    return {
      message: `the ${mode} steering program chose different processes for packets of one flow`,
      remedy: `make the program symmetric: combine source and destination by an operation that commutes, and load from SKF_NET_OFF, because offset 0 is the network header for received packets but the link header for sent ones; or use the built-in program (${CURED_RUN})`,
    };
  if (builtin === 'ports')
    return {
      message:
        'the built-in program chose different processes for packets of one flow: by the policy ports, a fragment that overtakes the first one of its datagram goes by addresses alone',
      remedy: `use the policy addresses, which needs no first fragment (${CURED_RUN})`,
    };
  return {
    message:
      'the built-in program took packets of one flow for packets of several, and nothing measured establishes why; it gives up behind more headers than it follows',
    remedy: 'look at the listed observations, and at their stacks; a capture of one such flow would help to extend the program',
  };
}

function unexplained({ why }: CauseArgs['unexplained']): Advised {
  const look = 'look at the listed observations; a capture of one such flow would help to extend this diagnosis';
  switch (why.kind) {
    case 'rolled-over':
      return {
        message: `packets rolled over (${grouped(why.packets)}), but mode ${why.mode} may have split these flows as well`,
        remedy: 'test without --rollover',
      };
    case 'no-program':
      return {
        message:
          'without a program the kernel sends all packets to the first member, yet these were on several, and nothing measured establishes why',
        remedy: look,
      };
    case 'fields':
      return {
        message: 'the kernel hashes packets of one such flow by different fields, and nothing measured establishes why',
        remedy: look,
      };
  }
}
