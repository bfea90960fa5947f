/** Words for a comparison of modes. Pure. */
import { labelOf } from '../../model/fanout.ts';
import type { Advantage, ComparisonArgs } from '../../model/findings/comparison.ts';
import { counted, grouped } from './english.ts';
import type { Said, Words } from './say.ts';

export const COMPARISON_WORDS: Words<ComparisonArgs> = {
  'kept-all-flows': ({ tested, group, twoWay, order, membersUsed, procs, maxOverMean, others, advantages }) => ({
    message: `of ${counted(tested, 'mode')} tested, ${labelOf(group)} kept both directions of each of ${grouped(twoWay)} two-way flows together${orderText(order)}, and used ${membersUsed} of ${procs} processes, the busiest ${maxOverMean.toFixed(2)} times the mean${othersText(others.map(labelOf), tested)}${others.length === 0 ? '' : `: ${advantages.map((advantage) => WHY[advantage]).join('; ')}`}`,
  }),
  'depends-on-nic': ({ mode }) => ({
    message: `mode ${mode} is as good as the receive-side scaling of the NIC and its interrupts: the answer holds for their present settings`,
    remedy: 'test again after every change of queues, RSS key, hash fields, interrupt affinity or driver',
  }),
  'fragments-untested': ({ seen }) => ({
    message: `no flow with ${seen ? 'both whole packets and IPv4 fragments' : 'IPv4 fragments'} can have been among them: without the flag defrag fragments leave the process of their flow`,
    remedy: 'where there are any, use hash+defrag, in one group of a host only',
  }),
  'one-defrag-group': () => ({
    message: 'two groups that reassemble on one host take fragments from each other, whatever their interfaces',
    remedy: 'let one group of a host have the flag',
  }),
  'no-safe-mode': ({ group, split, flows }) => ({
    message: `no mode kept all flows together; ${labelOf(group)} split fewest, ${grouped(split)} of ${grouped(flows)}`,
  }),
  'nothing-shown': () => ({ message: 'no mode was shown to keep all flows together on this evidence' }),
  'own-load': ownLoad,
};

const WHY: Readonly<Record<Advantage, string>> = {
  order: 'packets came out of order in some of them',
  'never-rolls-over': 'a group that rolls over moves flows when a ring is full, and this run did not come to that',
  spread: 'some leave most processes idle',
  'no-drops': 'some dropped packets',
  independence: 'it depends on nothing outside the kernel, as others do on the NIC or a program',
  'keeps-fragments': 'it would keep IPv4 fragments with their flows too, of which none was seen here',
  'needs-no-flag': 'it needs no flag',
};

function orderText({ checked, inversions }: ComparisonArgs['kept-all-flows']['order']): string {
  if (checked === 0) return '';
  return inversions === 0 ? ' and in order' : `, though ${grouped(inversions)} of ${grouped(checked)} packets came out of order`;
}

function othersText(others: readonly string[], tested: number): string {
  if (others.length > 0) return `; so did ${others.join(', ')}`;
  return tested > 1 ? '; no other of them did' : '';
}

const LESS_LOAD = 'compare fewer modes at a time (--modes), fewer packets (--filter), or give rings more memory (--ring-size)';

function ownLoad(args: ComparisonArgs['own-load']): Said {
  const { groups } = args;
  switch (args.kind) {
    case 'above':
      return {
        message: `testing ${groups} groups at once went without loss up to ${grouped(Math.round(args.lossFreeRate))} packets/s here, and this traffic had ${grouped(Math.round(args.packetsPerSecond))}: answers may show the load of the test`,
        remedy: LESS_LOAD,
      };
    case 'unmeasured':
      return {
        message: `what ${groups} groups at once cost this machine could not be measured`,
        remedy: `see what this says: fanout-cluster ${args.command.join(' ')}`,
      };
    case 'drops':
      return {
        message: `packets were dropped in ${args.dropping.map(labelOf).join(', ')}, perhaps for the load of ${groups} groups`,
        remedy: LESS_LOAD,
      };
  }
}
