/** A remedy helps: with what it sets, its finding is gone, and nothing breaks the mode that did not before. */
import { describe, expect, test } from 'vitest';
import { sayNic } from '../../../src/collector/words/doctor.ts';
import { examine } from '../../../src/nic/examine.ts';
import type { NicFacts } from '../../../src/nic/facts.ts';
import type { NicFinding } from '../../../src/nic/findings.ts';
import { applied } from '../../helpers/nic-settings.ts';
import { hashedBy, NICS, nic, rssOf, SYMMETRIC, sampled, symmetricNic, told } from '../../helpers/nics.ts';

const rps = (masks: readonly (readonly number[])[]) => told(masks.map((rpsCpus, queue) => ({ queue, rpsCpus, flowCount: 64 })));
const everywhere = rps([0, 1, 2, 3].map(() => [0, 1, 2, 3]));
const SITUATIONS: Readonly<Record<string, NicFacts>> = {
  ...NICS,
  'RPS by an asymmetric hash': nic({ rps: everywhere, rfsEntries: told(4096) }),
  'RPS by an asymmetric hash, one queue': nic({ queues: told({ used: 1, most: 8 }), rps: rps([[0, 1]]) }),
  'RPS by an asymmetric hash, one queue, nothing to set': nic({
    queues: told({ used: 1, most: 1 }),
    rps: rps([[0, 1]]),
    driver: told({ name: 'other', version: '1', bus: '' }),
  }),
  'RPS to other CPUs for each queue': nic({ rps: rps([[0], [1], [2], [3]]) }),
  'one end of flows is hashed': symmetricNic({ hashFields: hashedBy('sdf') }),
  'one end of flows is hashed by an asymmetric key': nic({ hashFields: hashedBy('s', 'sdfn') }),
  'one end of flows is hashed, and no key is shown': nic({ hashFields: hashedBy('s'), rss: rssOf({ key: null }) }),
  'another function': nic({ rss: rssOf({ hashFunction: 'xor' }), hashFields: hashedBy('sd') }),
  'threads, and all queues on one CPU': symmetricNic({
    threadedNapi: told(true),
    irqs: told([0, 1, 2, 3].map((queue) => ({ irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: [0] }))),
  }),
  'a table that leaves out a queue': nic({ rss: rssOf({ key: SYMMETRIC, table: [0, 1, 3, 0] }) }),
  'down, without promiscuity': symmetricNic({
    link: told({ isUp: false, hasCarrier: false, mtu: 1500, promiscuity: 0, isLoopback: false }),
  }),
};
/** What a setting does not undo. */
const LASTING: ReadonlySet<NicFinding['code']> = new Set(['steering-rules', 'nic-drops', 'softnet-drops']);

const examined = (facts: NicFacts, mode: 'hash' | 'qm' | 'cpu') => examine(facts, { mode, flags: [], procs: 4 }, sampled(facts)).findings;
const codesOf = (findings: readonly NicFinding[]) => findings.map(({ code }) => code);

describe.each(Object.entries(SITUATIONS))('%s', (_, facts) => {
  test.each(['hash', 'qm', 'cpu'] as const)('mode %s', (mode) => {
    const before = examined(facts, mode);
    const problems = (all: readonly NicFinding[]) => codesOf(all.filter(({ severity }) => severity === 'problem'));
    for (const finding of before) {
      const { remedy } = sayNic(finding, 'eth0');
      if (remedy === undefined || LASTING.has(finding.code)) continue;
      const after = examined(applied(facts, remedy), mode);
      expect(codesOf(after), remedy).not.toContain(finding.code);
      expect(
        problems(after).filter((code) => !problems(before).includes(code)),
        remedy,
      ).toEqual([]);
    }
  });

  test.each(['hash', 'qm', 'cpu'] as const)('mode %s, all remedies one after the other', (mode) => {
    let settled = facts;
    for (let i = 0; i < 12; i += 1) {
      const next = examined(settled, mode)
        .filter(({ code }) => !LASTING.has(code))
        .flatMap((finding) => sayNic(finding, 'eth0').remedy ?? [])[0];
      if (next === undefined) break;
      settled = applied(settled, next);
    }
    expect(examined(settled, mode).filter((finding) => sayNic(finding, 'eth0').remedy !== undefined && !LASTING.has(finding.code))).toEqual(
      [],
    );
    expect(examined(settled, mode).filter(({ severity }) => severity === 'problem')).toEqual([]);
  });
});
