import { describe, expect, test } from 'vitest';
import { conflictsBetween } from '../../../src/deployment/conflicts.ts';
import { GOOD, readingsOf, rulesOf } from '../../helpers/deployments.ts';

const conflicts = (texts: Readonly<Record<string, string>>) =>
  conflictsBetween(readingsOf(texts)).map(({ finding, places }) => [finding.rule, ...places.map(({ file, line }) => `${file}:${line}`)]);

describe('between files', () => {
  test('one id on two interfaces', () => {
    const other = GOOD.suricata.replace('ens1', 'ens2');
    expect(conflicts({ 'a.yaml': GOOD.suricata, 'b.yaml': other })).toEqual([['group-on-two-interfaces', 'a.yaml:7', 'b.yaml:7']]);
  });

  test('two programs in one group, and with different filters', () => {
    const filtered = GOOD.suricata.replace('defrag: yes', 'defrag: yes\n    bpf-filter: tcp');
    expect(conflicts({ 'a.yaml': GOOD.suricata, 'b.yaml': filtered })).toEqual([
      ['group-shared-by-programs', 'a.yaml:7', 'b.yaml:7'],
      ['filter-on-some-members', 'a.yaml:7', 'b.yaml:7'],
    ]);
  });

  test('one id, joined in another mode', () => {
    expect(conflicts({ 'a.yaml': GOOD.suricata, 'b.yaml': GOOD.suricata.replace('cluster_flow', 'cluster_qm') })).toEqual([
      ['group-id-in-use', 'a.yaml:7', 'b.yaml:7'],
    ]);
  });

  test('two that reassemble what arrives on one interface', () => {
    expect(conflicts({ 'a.yaml': GOOD.suricata, 'p.yml': GOOD.packetbeat })).toEqual([['defrag-groups-steal', 'a.yaml:9', 'p.yml:2']]);
  });

  test('hosts of a cluster have nothing to do with one another', () => {
    const far = GOOD['zeek-node'].replaceAll('localhost', '10.0.0.7');
    const near = far.replaceAll('10.0.0.7', '10.0.0.8');
    expect(conflicts({ 'a.cfg': far, 'b.cfg': near })).toEqual([]);
    expect(conflicts({ 'a.cfg': far, 'b.cfg': far })).not.toEqual([]);
  });
});

test('what the command line says of the module replaces what the file does', () => {
  const readings = readingsOf({
    '/s/snort.lua': GOOD['snort-lua'],
    '/s/run': 'snort -c /etc/snort.lua --daq afpacket --daq-var fanout_type=hash -i x -z 2',
  });
  expect(readings.map((reading) => [reading.outcome, rulesOf(reading)])).toEqual([
    ['companion', ['snort-cli-wins']],
    ['groups', ['fragments-split']],
  ]);
});

test('threads and interfaces of the command line count for the file that it names', () => {
  const [lua] = readingsOf({ '/s/snort.lua': GOOD['snort-lua'], '/s/run': 'snort -c snort.lua -i x0 -z 6' });
  expect(lua?.groups).toMatchObject([{ interface: 'x0', procs: 6 }]);
  const [yaml] = readingsOf({
    '/s/suricata.yaml': GOOD.suricata,
    '/s/unit':
      '[Service]\nExecStart=suricata -c /etc/suricata.yaml --af-packet=x0 --set af-packet.0.threads=2 --set af-packet.0.interface=x0\n',
  });
  expect(yaml?.groups).toMatchObject([{ interface: 'x0', procs: 2, id: 71 }]);
});
