/** The three forms of one result: text, brief text, SARIF. */
import { expect, test } from 'vitest';
import { DEFAULT_WIDTH } from '../../../../src/collector/report/layout.ts';
import { renderText } from '../../../../src/collector/report/text.ts';
import { lint } from '../../../../src/commands/lint/lint.ts';
import { lintBrief, lintDocument } from '../../../../src/commands/lint/report.ts';
import { sarifOf } from '../../../../src/commands/lint/sarif.ts';
import { sourceOf } from '../../../../src/deployment/source.ts';
import { FanoutError } from '../../../../src/errors.ts';
import type { ConfigurationFiles } from '../../../../src/host/configuration-files.ts';
import { filesIn, GOOD } from '../../../helpers/deployments.ts';

function filesOf(texts: Readonly<Record<string, string>>): ConfigurationFiles {
  const files = filesIn(texts);
  return {
    ...files,
    read: (path) => {
      const text = texts[path];
      if (text === undefined) throw new FanoutError('BAD_CONFIGURATION', `cannot read ${path}: ENOENT`, 'name a file that is there');
      return sourceOf(path, text);
    },
  };
}

const texts = { 'a.yaml': GOOD.suricata.replace('cluster_flow', 'cluster_random'), 'p.yml': GOOD.packetbeat, 'b.yaml': GOOD.suricata };
const result = lint({ paths: [...Object.keys(texts), 'gone.cfg'] }, filesOf(texts), '0.1.0');
const style = { width: DEFAULT_WIDTH, color: false };

test('as text', () => {
  expect(renderText(lintDocument(result), style)).toMatchInlineSnapshot(`
    "a.yaml: suricata, version 8.0.6 (assumed): 1 group
      ens1  group 71  4 members  rnd  TPACKET_V3
      8:19 error mode-splits-flows: mode rnd on ens1 draws a member for each packet:
      packets of one flow reach several members
        -> cluster-type: cluster_flow

    p.yml: packetbeat: 1 group
      ens1  group 5  1 member  hash+defrag  TPACKET_V3

    b.yaml: suricata, version 8.0.6 (assumed): 1 group
      ens1  group 71  4 members  hash+defrag  TPACKET_V3

    gone.cfg: cannot be used as it is
      unreadable: cannot read gone.cfg: ENOENT
        -> name a file that is there

    Between these files
      a.yaml:7:17 and b.yaml:7:17 error group-id-in-use: group 71 exists already
      (suricata (a.yaml), mode rnd): Suricata's own test of the id fails then, and
      it goes on with one thread
        -> give each entry its own: cluster-id: 98
      p.yml:2:13 and b.yaml:9:13 error defrag-groups-steal: packetbeat (p.yml) and
      suricata (b.yaml) both let the kernel reassemble fragments of one interface.
      All groups of a network namespace share one reassembly queue: the group
      started last takes every fragmented datagram, and the other gets none,
      uncounted
        -> let one of them reassemble: defrag: no (Suricata),
           af_packet_enable_defrag=F (Zeek), or put one into a network namespace of
           its own

    3 errors, 0 warnings and 0 notes in 4 files; 1 file could not be read
    "
  `);
});

test('in brief', () => {
  expect(renderText(lintBrief(result), style)).toMatchInlineSnapshot(`
    "a.yaml: 1 error, 0 warnings and 0 notes
      8:19 error mode-splits-flows: mode rnd on ens1 draws a member for each packet:
      packets of one flow reach several members
        -> cluster-type: cluster_flow
    gone.cfg: 0 errors, 0 warnings and 0 notes
      unreadable: cannot read gone.cfg: ENOENT
        -> name a file that is there
    Between these files
      a.yaml:7:17 and b.yaml:7:17 error group-id-in-use: group 71 exists already
      (suricata (a.yaml), mode rnd): Suricata's own test of the id fails then, and
      it goes on with one thread
        -> give each entry its own: cluster-id: 98
      p.yml:2:13 and b.yaml:9:13 error defrag-groups-steal: packetbeat (p.yml) and
      suricata (b.yaml) both let the kernel reassemble fragments of one interface.
      All groups of a network namespace share one reassembly queue: the group
      started last takes every fragmented datagram, and the other gets none,
      uncounted
        -> let one of them reassemble: defrag: no (Suricata),
           af_packet_enable_defrag=F (Zeek), or put one into a network namespace of
           its own
    3 errors, 0 warnings and 0 notes in 4 files; 1 file could not be read
    "
  `);
});

test('as data', () => {
  expect(
    result.files.map(({ file, kind, result: outcome, groups, findings }) => [file, kind, outcome, groups.length, findings.length]),
  ).toEqual([
    ['a.yaml', 'suricata', 'groups', 1, 1],
    ['p.yml', 'packetbeat', 'groups', 1, 0],
    ['b.yaml', 'suricata', 'groups', 1, 0],
    ['gone.cfg', undefined, 'error', 0, 0],
  ]);
  expect(result.files[0]?.findings[0]).toEqual({
    rule: 'mode-splits-flows',
    severity: 'error',
    line: 8,
    column: 19,
    message: 'mode rnd on ens1 draws a member for each packet: packets of one flow reach several members',
    remedy: 'cluster-type: cluster_flow',
  });
});

test('as SARIF: every result names a rule, and a place that begins at 1', () => {
  const log = sarifOf(result);
  expect([log.version, log.runs.length]).toEqual(['2.1.0', 1]);
  expect(log.runs[0]).toMatchObject({
    tool: { driver: { name: 'fanout-cluster', version: '0.1.0' } },
    invocations: [
      {
        executionSuccessful: false,
        toolExecutionNotifications: [{ level: 'error', locations: [{ physicalLocation: { artifactLocation: { uri: 'gone.cfg' } } }] }],
      },
    ],
    results: [
      {
        ruleId: 'mode-splits-flows',
        level: 'error',
        locations: [{ physicalLocation: { artifactLocation: { uri: 'a.yaml' }, region: { startLine: 8, startColumn: 19 } } }],
      },
      { ruleId: 'group-id-in-use', relatedLocations: [{ physicalLocation: { artifactLocation: { uri: 'b.yaml' } } }] },
      { ruleId: 'defrag-groups-steal', level: 'error' },
    ],
  });
});
