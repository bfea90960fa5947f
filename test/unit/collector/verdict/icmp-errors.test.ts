import { describe, expect, test } from 'vitest';
import { strayErrors } from '../../../../src/collector/verdict/icmp-errors.ts';
import { worded } from '../../../../src/collector/words/say.ts';
import { epoch, evidenceOf, factsOf, stackOf } from '../../../helpers/evidence.ts';
import { judge } from '../../../helpers/worded.ts';

const EVEN = [30, 30, 30, 30];
const stacks = [
  { ...stackOf('ipv4/udp', EVEN), errorsElsewhere: 70 },
  { ...stackOf('ipv6/udp', EVEN), errorsElsewhere: 20 },
  stackOf('ipv4/tcp', EVEN),
];
const evidence = evidenceOf([epoch([90, 90, 90, 90])], [], { stacks });

describe('ICMP errors on another process than their flow', () => {
  test('are a harmless cause, counted by flow', () => {
    expect(strayErrors(evidence, factsOf(evidence)).map(worded)).toMatchInlineSnapshot(`
      [
        {
          "args": {
            "flows": 90,
            "mode": "hash",
            "seen": "process",
            "stacks": [
              "ipv4/udp",
              "ipv6/udp",
            ],
          },
          "code": "icmp-error",
          "flows": 90,
          "harmless": true,
          "message": "90 flows (ipv4/udp, ipv6/udp): an ICMP error about the flow was on another process; the kernel hashes the addresses and the protocol of the error itself, which may come from any router, and does not look at the packet that it quotes",
          "remedy": "none is needed for the flows, which stayed whole; rules that need error and flow together cannot match, unless you steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
        },
      ]
    `);
  });

  test('leave a YES what it is', () => {
    const { verdict, causes } = judge(evidence, factsOf(evidence));
    expect(verdict.answer).toBe('yes');
    expect(causes.map(({ code }) => code)).toEqual(['icmp-error']);
  });

  test('say nothing where packets are scattered by design, or where there are none', () => {
    for (const mode of ['lb', 'rnd'] as const) expect(strayErrors(evidence, factsOf(evidence, { mode }))).toEqual([]);
    const none = evidenceOf([epoch(EVEN)]);
    expect(strayErrors(none, factsOf(none))).toEqual([]);
  });
});
