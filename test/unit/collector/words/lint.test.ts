/** Words of lint stand beside docs/lint.md, and both know every rule. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sayLint } from '../../../../src/collector/words/lint/say.ts';
import { lintFinding, RULES, SEVERITIES } from '../../../../src/deployment/rules.ts';
import { packageRoot } from '../../../../src/package-root.ts';

test('one program, one syntax', () => {
  const said = (['suricata', 'zeek', 'snort', 'arkime'] as const).map(
    (program) => sayLint(lintFinding('fragments-split', { program, interface: 'ens1' })).remedy,
  );
  expect(said).toMatchInlineSnapshot(`
    [
      "defrag: yes",
      "af_packet_enable_defrag=T (ZeekControl of Zeek 8.1 or newer), or redef AF_Packet::enable_defrag = T; in local.zeek",
      "--daq-var fanout_flag=defrag",
      "Arkime has no setting for it: keep fragments away from it, or let one thread capture (tpacketv3NumThreads=1)",
    ]
  `);
});

test('a text of the file is cut, and numbers are grouped', () => {
  const { message } = sayLint(lintFinding('suricata-cluster-type', { given: 'x'.repeat(5000) }));
  expect(message.length).toBeLessThan(400);
  expect(sayLint(lintFinding('arkime-snaplen-align', { snaplen: 16392 })).message).toContain('16,392');
});

describe('docs/lint.md', () => {
  const text = readFileSync(join(packageRoot(), 'docs/lint.md'), 'utf8');
  const WORD = { error: 'Error', warning: 'Warning', info: 'Note' } as const;
  const sections = new Map(
    text
      .split('\n### ')
      .slice(1)
      .map((section) => [section.split('\n', 1)[0], section]),
  );

  test('has a heading for each rule, in their order', () => {
    expect([...sections.keys()]).toEqual(RULES);
  });

  test.each(RULES)('%s: how bad it is, remedy, source', (rule) => {
    const section = sections.get(rule) ?? '';
    expect(section).toMatch(new RegExp(`^\\S+\n\n${WORD[SEVERITIES[rule]]}[. ]`));
    expect(section).toMatch(/^Remedy: /m);
    expect(section.replaceAll('\n', ' ')).toMatch(/ Source: /);
  });
});
