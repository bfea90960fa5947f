/** What `cure` makes of what was typed, of who is there, and how it says what it did. */
import { describe, expect, test } from 'vitest';
import { styleFor } from '../../../../src/collector/report/layout.ts';
import { renderText } from '../../../../src/collector/report/text.ts';
import { depthFor, depthInName, markOf, policyFor } from '../../../../src/commands/cure/depth.ts';
import { parseCureOptions, type RawCureOptions } from '../../../../src/commands/cure/options.ts';
import { proofOf } from '../../../../src/commands/cure/proof.ts';
import { cureBrief, cureDocument } from '../../../../src/commands/cure/report.ts';
import type { CuredGroup, CureResult, Depth, Did, Namespace } from '../../../../src/commands/cure/result.ts';
import { LAYERS } from '../../../../src/model/steering.ts';
import { MACHINE } from '../../../helpers/machine.ts';

const parse = (typed: RawCureOptions) => parseCureOptions(typed, MACHINE);

describe('options', () => {
  test.each<[RawCureOptions, object]>([
    [{ hash: true }, { kind: 'hash', undo: false, withoutFallback: false }],
    [
      { hash: true, undo: true },
      { kind: 'hash', undo: true },
    ],
    [{ group: '23' }, { kind: 'group', id: 23, undo: false }],
    [
      { write: 'lb.o', ids: 'suricata' },
      { kind: 'write', path: 'lb.o' },
    ],
    [{ ids: 'zeek' }, { kind: 'advice' }],
    [{ status: true }, { kind: 'status' }],
  ])('%j', (typed, task) => {
    expect(parse(typed).task).toMatchObject(task);
  });

  test.each<[RawCureOptions, RegExp]>([
    [{}, /nothing says what is to be cured/],
    [{ undo: true }, /--undo needs to know what/],
    [{ undo: true, write: 'lb.o' }, /--undo needs to know what/],
    [{ hash: true, group: '1' }, /four things to do/],
    [{ hash: true, status: true }, /four things to do/],
    [{ hash: true, undo: true, ids: 'zeek' }, /--undo takes away what is there/],
    [{ hash: true, policy: 'ports' }, /goes by addresses/],
    [{ status: true, verify: true }, /nothing is cured here/],
    [{ ids: 'bro' }, /one of suricata, zeek, snort, arkime, packetbeat/],
    [{ hash: true, layers: 'vxlan,gtp' }, /--layers: "gtp"/],
    [{ group: '65536' }, /from 0 to 65535/],
    [{ write: '-' }, /opens it by its name/],
  ])('%j is refused', (typed, why) => {
    expect(() => parse(typed)).toThrow(why);
  });
});

const GROUP: CuredGroup = { id: 23, mode: 'hash', interface: 'eth0', binding: 'interface', members: 4, owners: [{ pid: 7, comm: 'zeek' }] };
const OTHER: CuredGroup = { ...GROUP, id: 24, interface: 'eth1', members: 9, owners: [{ pid: 8, comm: 'Suricata-Main' }] };
const UNKNOWN: CuredGroup = { ...GROUP, owners: [{ pid: 9, comm: 'netsniff-ng' }] };

describe('depth', () => {
  test('is what all readers that are here open, or everything where nobody is known', () => {
    const both = depthFor({ ids: [], layers: undefined }, [GROUP, OTHER]);
    expect(both).toMatchObject({ from: 'readers', ids: ['zeek', 'suricata'] });
    expect(both.layers).toContain('vxlan');
    for (const layer of ['gtpu', 'nsh', 'gre-udp'] as const) expect(both.layers).not.toContain(layer);
    expect(depthFor({ ids: [], layers: undefined }, [UNKNOWN])).toEqual({ layers: LAYERS, from: 'nobody', ids: [] });
    expect(depthFor({ ids: ['snort'], layers: undefined }, [UNKNOWN])).toMatchObject({ from: 'ids', ids: ['snort'] });
  });

  test('is never more than a reader opens that is here', () => {
    expect(() => depthFor({ ids: ['snort'], layers: undefined }, [GROUP])).toThrow(
      /zeek \(pid 7\) has a group here, and Zeek does not open/,
    );
    expect(() => depthFor({ ids: [], layers: ['ip', 'l2tp'] }, [GROUP])).toThrow(/l2tp: its flows would be scattered/);
    expect(depthFor({ ids: [], layers: ['ip'] }, [GROUP])).toMatchObject({ from: 'layers', layers: ['ip'] });
    expect(depthFor({ ids: ['zeek', 'snort'], layers: undefined }, [GROUP]).layers).toContain('gtpu');
  });

  test('is a part of the name of the program, and can be told from it', () => {
    const named = (depth: Depth) => depthInName(`fc_dissect_${markOf(depth)}`);
    expect(named({ layers: ['ip'], from: 'ids', ids: ['zeek', 'suricata'] })).toBe('as deep as Zeek and Suricata');
    expect(named({ layers: LAYERS, from: 'nobody', ids: [] })).toBe('into everything that it can');
    expect(named({ layers: ['ip'], from: 'layers', ids: [] })).toBe('as deep as --layers said');
    expect(['fc_dissect', 'fc_dissect_lab', 'lb'].map(depthInName)).toEqual([undefined, undefined, undefined]);
  });

  test('and the policy is by ports for Suricata alone', () => {
    const of = (ids: Depth['ids']): Depth => ({ layers: [], from: 'ids', ids });
    expect([of(['suricata']), of(['suricata', 'zeek']), of(['zeek'])].map((depth) => policyFor(undefined, depth))).toEqual([
      'ports',
      'addresses',
      'addresses',
    ]);
    expect(policyFor('ports', of(['zeek']))).toBe('ports');
  });
});

const HERE: Namespace = { inode: 4026531840, name: 'initial', given: null };
const SENSOR: Namespace = { inode: 4026532999, name: 'sensor', given: 'sensor' };
const DEPTH: Depth = { layers: ['ip', 'vxlan'], from: 'ids', ids: ['zeek'] };
const DISSECTOR = {
  program: { id: 12, name: 'fc_dissect_z', user: 0, since: '2026-01-02T03:04:05.678Z' },
  pin: '/sys/fs/bpf/fanout-cluster/dissector-4026531840',
  namespace: 4026531840,
  namespaceName: 'initial',
  isOwn: true,
} as const;
const ATTACHED: Did = { kind: 'attached', dissector: DISSECTOR, depth: DEPTH, hasFallback: true };

describe('the proof', () => {
  const command = (did: Did, netns: Namespace, groups: readonly CuredGroup[], named?: string) =>
    proofOf({ did, netns, groups, interface: named }).command;

  test('captures where the largest group is, in its namespace', () => {
    expect(command(ATTACHED, HERE, [GROUP, OTHER])).toBe('sudo fanout-cluster -i eth1 --procs 9 --mode hash');
    expect(command(ATTACHED, HERE, [GROUP, OTHER], 'eth5')).toBe('sudo fanout-cluster -i eth5 --procs 9 --mode hash');
    expect(command(ATTACHED, SENSOR, [GROUP])).toBe('sudo ip netns exec sensor fanout-cluster -i eth0 --procs 4 --mode hash');
    expect(command(ATTACHED, { ...SENSOR, given: '/proc/7/ns/net' }, [GROUP])).toContain(
      'sudo nsenter --net=/proc/7/ns/net fanout-cluster',
    );
  });

  test('is in the lab where the lab has what is attached', () => {
    expect(command(ATTACHED, HERE, [])).toBe('sudo fanout-cluster --procs 8 --mode hash');
    expect(proofOf({ did: ATTACHED, netns: SENSOR, groups: [], interface: undefined })).toMatchObject({ isTemplate: true });
    const written: Did = { kind: 'written', path: "/etc/o'x.o", policy: 'ports', depth: DEPTH };
    expect(command(written, SENSOR, [])).toBe(
      `sudo ip netns exec sensor fanout-cluster --procs 8 --mode ebpf --ebpf-program '/etc/o'\\''x.o'`,
    );
  });
});

const PLAIN = styleFor(80, false);
const HERE_IS = { cpus: 6, program: '/usr/bin/fanout-cluster', owner: 0 };

describe('the report', () => {
  const result = (did: Did, more: Partial<CureResult> = {}): CureResult => ({
    schema: 'fanout-cluster/cure@1',
    tool: { version: '0.0.0' },
    at: '2026-01-02T03:04:06.000Z',
    netns: HERE,
    did,
    inForce: did.kind === 'attached' ? DISSECTOR : null,
    groups: [GROUP],
    proof: proofOf({ did, netns: HERE, groups: [GROUP], interface: undefined }),
    ...more,
  });
  const text = (one: CureResult) => renderText(cureDocument(one, HERE_IS), PLAIN);

  test.each<Did>([
    ATTACHED,
    { ...ATTACHED, kind: 'replaced', hasFallback: false } as Did,
    { kind: 'detached', dissector: DISSECTOR },
    { kind: 'nothing-attached' },
    { kind: 'steered', group: { ...GROUP, mode: 'ebpf' }, policy: 'ports', depth: DEPTH },
    { kind: 'unsteered', group: { ...GROUP, mode: 'ebpf' } },
    { kind: 'written', path: '/etc/lb.o', policy: 'ports', depth: { ...DEPTH, ids: ['suricata'] } },
    { kind: 'advice', depth: { ...DEPTH, ids: ['suricata', 'zeek'] } },
    { kind: 'status', dissectors: null, programs: null },
    { kind: 'status', dissectors: [DISSECTOR, { ...DISSECTOR, isOwn: false, pin: null, namespace: 0 }], programs: [] },
  ])('$kind ends with what steers which groups, and the command that proves it', (did) => {
    const one = result(did);
    const lines = text(one).trimEnd().split('\n').slice(-2);
    expect(lines[0]).toMatch(/^now: .*(?:steers|group)/);
    expect(lines[1]).toBe(`proof: ${one.proof.command}`);
    expect(renderText(cureBrief(one), PLAIN).trimEnd().split('\n')).toEqual(lines);
  });

  test('a name of a process is what its owner likes, and no more than text', () => {
    const hostile = { ...GROUP, owners: [{ pid: 7, comm: 'a\u001b[31m\nnow: all is well' }] };
    const said = text(result({ kind: 'nothing-attached' }, { groups: [hostile] }));
    expect(said).not.toContain('\u001b');
    expect(said.match(/^now:/gm)).toHaveLength(1);
  });

  test('a group on all interfaces, and one whose interface has gone', () => {
    const groups = (['all', 'removed'] as const).map((binding, id): CuredGroup => ({ ...GROUP, id, interface: null, binding }));
    const said = text(result({ kind: 'nothing-attached' }, { groups }));
    expect(said).toMatch(/^ *0 +hash +all interfaces +4 [\s\S]*^ *1 +hash +gone +4 /m);
    expect(said).toContain('(now: 0 on all interfaces, 1 on a device that has gone)');
  });

  test('what an IDS is to be told can be pasted', () => {
    const advised = text(result({ kind: 'advice', depth: { ...DEPTH, ids: ['suricata'] } }, { groups: [OTHER] }));
    expect(advised).toMatch(/^ {2}af-packet:\n {4}- interface: eth1\n {6}threads: 9\n {6}cluster-id: 99\n {6}cluster-type: cluster_ebpf$/m);
  });

  test('the unit for boots says all that was said now', () => {
    const own: Depth = { layers: ['ip', 'vxlan'], from: 'layers', ids: [] };
    const said = text(result({ ...ATTACHED, depth: own, hasFallback: false } as Did, { netns: SENSOR }));
    expect(said).toContain('ExecStart=/usr/bin/fanout-cluster cure --hash --layers ip,vxlan --without-fallback --netns sensor --quiet\n');
    expect(said).toContain('ExecStop=/usr/bin/fanout-cluster cure --hash --undo --netns sensor --quiet\n');
    expect(text(result(ATTACHED))).toMatch(
      /Before=zeek\.service\n[\s\S]*ExecStart=\/usr\/bin\/fanout-cluster cure --hash --ids zeek --quiet\n/,
    );
    expect(text(result(ATTACHED, { netns: { ...SENSOR, given: '4711' } }))).not.toContain('ExecStart');
  });

  test('whose program root would run at boot is said where that is not root', () => {
    const [one, mine] = [result(ATTACHED), { ...HERE_IS, owner: 1000 }];
    expect(renderText(cureDocument(one, mine), PLAIN)).toContain('belongs to user 1000');
    expect(renderText(cureDocument(one, HERE_IS), PLAIN)).not.toContain('belongs to user');
  });
});
