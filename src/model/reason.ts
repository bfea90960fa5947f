/** Why a run got its answer. A NO gives the causes of its violations as well; docs/verdicts.md has a heading for each code. */
import type { CauseCode } from './cause.ts';

export const REASONS = {
  proven: 'YES: every judged flow stayed on one process, and chance is ruled out',
  'spread-broken': 'a mode that promises an even spread did not spread evenly',
  'one-process': 'a group of one process keeps every flow together, whatever the kernel does',
  'no-traffic': 'no packet arrived',
  'no-flows': 'packets arrived, but none belonged to a flow',
  'no-two-way-flows': 'no flow was seen in both directions',
  'one-member': 'all flows were on one process',
  'too-few-flows': 'so few flows that chance could have kept them together',
  loss: 'packets were dropped by full rings',
  'evidence-lost': 'packets were captured, but bounded tables had no room for their flows',
  'accounting-mismatch': 'the packets do not add up',
  'lost-member': 'a process of the group was lost during the run',
  'foreign-member-possible': 'another program may have moved flows by joining the group, and nobody can look',
  'rolled-over': 'the kernel passed packets on to other processes',
  'isolated-violation': 'flows were split by one packet each, which anybody may have sent',
  'unjudged-stacks': 'flows of more encapsulations than are told apart are not judged',
  'ended-early': 'the run ended at a bound of this program, before any limit that was asked for',
  'tolerated-design': 'the mode does not promise affinity, and that was tolerated',
} as const satisfies Record<string, string>;

/** What may happen to a run from outside. */
export const DISTURBANCES = {
  'link-down': 'the interface went down during the run',
  'interface-removed': 'the interface was removed during the run',
  'foreign-member': 'another program joined the group during the run',
  'other-group': 'another group appeared that may take fragments from this one',
} as const satisfies Record<string, string>;

export type DisturbanceCode = keyof typeof DISTURBANCES;

export type ReasonCode = keyof typeof REASONS | DisturbanceCode | CauseCode;

/** What the reader should know although the answer does not rest on it. */
export const WARNINGS = {
  'stack-on-one-member': 'a kind of traffic did not spread over the group',
  'mostly-one-way': 'most flows were seen in one direction only',
  'flows-forgotten': 'flows seen in one direction only made room for others',
  'outgoing-packets': 'packets that this host sent were captured as well',
  'ignore-outgoing-ineffective': 'the kernel took the flag ignore-outgoing without effect',
  'packets-twice': 'packets came twice, and an IDS takes both for what was sent',
  'above-mtu': 'packets were larger than the MTU: several segments in one',
  'order-inverted': 'packets of a flow reached their process in another order than they were sent',
  'rollover-untested': 'rollover was allowed, but the load never caused it',
  'bpf-flow-dissector': "a BPF program stands in for the kernel's flow dissector",
  'older-hash': 'this kernel hashes otherwise than current ones, by design',
  'capture-damaged': 'the capture file could not be read to its end',
  'capture-unfinished': 'a signal ended the reading of the capture file before its end',
  'packets-left-out': 'some packets of the capture file cannot be sent as Ethernet frames',
  'packets-cut': 'some packets of the capture file were cut before their flow is known',
  'no-time-stamps': 'the capture file does not tell copies of packets from packets that are alike',
} as const satisfies Record<string, string>;

/** A doubt that a proven NO outranks is still worth a warning, so reasons may appear among the warnings too. */
export type WarningCode = keyof typeof WARNINGS | ReasonCode;
