/** `--from`: what a configuration deploys, tested live and in the lab, beside programs that run and under other rights. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ComparisonResult } from '../../src/commands/compare/result.ts';
import type { SeveralResult } from '../../src/commands/run/several-result.ts';
import type { ScaleResult } from '../../src/commands/scale/result.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { withForeignReader } from '../helpers/foreign-reader.ts';
import { assertPrivateNamespace, CAPTURE, ip, makePair, removePair, type Sending, send } from '../helpers/network.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { end, serveCommand } from '../helpers/serve.ts';
import { run } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  ip('link', 'set', 'lo', 'up');
  chmodSync(scratch.path, 0o755);
});
afterAll(() => scratch.remove());
beforeEach(() => {
  makePair();
  sending = send({ flows: 300, classes: ['ipv4-tcp', 'ipv4-udp', 'ipv6-tcp'] });
});
afterEach(async () => {
  await sending?.stop();
  removePair();
});

function file(name: string, text: string): string {
  const path = join(scratch.path, name);
  writeFileSync(path, text, { mode: 0o644 });
  return path;
}

const suricata = (lines: string): string => `%YAML 1.1\n---\naf-packet:\n${lines}`;

const SURICATA = suricata(`  - interface: ${CAPTURE}
    threads: 4
    cluster-id: 99
    cluster-type: cluster_flow
    defrag: no
    bpf-filter: tcp
`);

async function from<T = RunResult>(...args: readonly string[]): Promise<T & { readonly status: number | null }> {
  const { status, stdout, stderr } = await run([...args, '--json', '-', '--quiet']);
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as T), status };
}

const LIMIT = ['--max-flows', '250', '--duration', '10s'];

describe('live', () => {
  test('suricata.yaml: members, mode, filter and interface are those of the file, and the report says from where', async () => {
    const path = file('suricata.yaml', SURICATA);
    const result = await from('--from', path, '--max-flows', '150', '--duration', '10s');
    expect([result.status, result.verdict.answer]).toEqual([0, 'yes']);
    expect(result.source).toMatchObject({ kind: 'live', interface: CAPTURE });
    expect(result.group).toMatchObject({ mode: 'hash', flags: [], procs: 4 });
    expect(result.group.id).not.toBe(99);
    expect(result.stacks.map(({ stack }) => stack).sort()).toEqual(['ipv4/tcp', 'ipv6/tcp']);
    const { settings, remarks, ...deployed } = result.deployment ?? { settings: [], remarks: [] };
    expect(deployed).toEqual({
      files: [path],
      program: 'suricata',
      version: '8.0.6',
      versionFrom: 'assumed',
      interface: CAPTURE,
      id: 99,
    });
    expect(settings).toEqual(
      expect.arrayContaining(
        [
          { option: '--interface', value: CAPTURE, from: 'file', file: path, line: 4 },
          { option: '--procs', value: '4', from: 'file', file: path, line: 5 },
          { option: '--mode', value: 'hash', from: 'file', file: path, line: 7 },
          { option: '--filter', value: 'tcp', from: 'file', file: path, line: 9 },
          { option: '--promisc', value: '', from: 'default' },
          { option: '--max-flows', value: '150', from: 'command line' },
        ].filter(({ option }) => option !== '--max-flows'),
      ),
    );
    expect(remarks.map(({ code }) => code)).toContain('own-group-id');
  });

  test('node.cfg: one group of as many workers as lb_procs says, as Zeek has it', async () => {
    const path = file(
      'node.cfg',
      `[manager]\ntype=manager\nhost=localhost\n\n[proxy]\ntype=proxy\nhost=localhost\n\n[worker]\ntype=worker\nhost=localhost\ninterface=af_packet::${CAPTURE}\nlb_method=custom\nlb_procs=3\npin_cpus=0,1\n`,
    );
    const result = await from('--from', path, '--ring-size', '4M', '--block-size', '128K', ...LIMIT);
    expect([result.status, result.group.procs, result.group.mode, result.group.flags]).toEqual([0, 3, 'hash', []]);
    expect(result.members.map(({ cpu }) => cpu)).toEqual([0, 1, 0]);
    expect(result.deployment?.settings).toContainEqual(
      expect.objectContaining({ option: '--ring-size', value: '4M', from: 'command line', instead: '128M' }),
    );
  });

  test('the configuration of Arkime: two interfaces are two groups, tested one after the other', async () => {
    const path = file(
      'config.ini',
      `[default]\npcapReadMethod=tpacketv3\ninterface=${CAPTURE};nowhere0\ntpacketv3NumThreads=2\ntpacketv3BlockSize=131072\n`,
    );
    const both = await from<SeveralResult>('--from', path, ...LIMIT);
    expect([both.status, both.schema, both.answer]).toEqual([3, 'fanout-cluster/deployment@1', 'inconclusive']);
    expect(both.runs.map(({ source, group, verdict }) => [source.interface, group.procs, verdict.answer])).toEqual([[CAPTURE, 2, 'yes']]);
    expect(both.leftOut.map(({ interface: device, reason }) => [device, reason.code])).toEqual([['nowhere0', 'NO_SUCH_INTERFACE']]);
    const one = await from('--from', path, '-i', CAPTURE, ...LIMIT);
    expect([one.status, one.source.interface, one.group.procs]).toEqual([0, CAPTURE, 2]);
  });

  test('an interface that is typed stands in for the one of the file', async () => {
    const path = file('elsewhere.yaml', SURICATA.replace(CAPTURE, 'ens7f1'));
    const result = await from('--from', path, '-i', CAPTURE, '--max-flows', '150', '--duration', '10s');
    expect([result.status, result.source.interface]).toEqual([0, CAPTURE]);
    expect(result.deployment?.settings[0]).toEqual({
      option: '--interface',
      value: CAPTURE,
      from: 'command line',
      instead: 'ens7f1',
      file: path,
      line: 4,
    });
  });

  testWith([root(), program('netsniff-ng')], 'beside a running group: untouched with plain hash, refused with DEFRAG', {}, async () => {
    const running = await serveCommand(
      ['netsniff-ng', '--in', CAPTURE, '--out', '/dev/null', '-s', '-C', '99', '-K', 'hash', '-S', '4MiB'],
      /Running/,
    );
    try {
      const plain = await from('--from', file('plain.yaml', SURICATA), '--max-flows', '150', '--duration', '10s');
      expect(plain.status).toBe(0);
      const { status, stderr } = await run(['--from', file('defrag.yaml', SURICATA.replace('defrag: no', 'defrag: yes'))]);
      expect([status, stderr]).toEqual([4, expect.stringMatching(/DEFRAG_UNSAFE: --defrag while fanout group 99 exists: .*netsniff-ng/)]);
    } finally {
      await end(running);
    }
  });

  test('a foreign group of the same id is left alone', async () => {
    await withForeignReader({ interface: CAPTURE, id: 99, mode: 'hash', members: 4 }, async () => {
      const result = await from('--from', file('plain.yaml', SURICATA), '--max-flows', '150', '--duration', '10s');
      expect([result.status, result.group.id === 99]).toEqual([0, false]);
    });
  });
});

describe('what cannot be tested as it is says why, with file and line', () => {
  const refused = async (...args: readonly string[]) => {
    const { status, stderr } = await run(args);
    return [status, stderr] as const;
  };

  test('one thread joins no group', async () => {
    const path = file('one.yaml', SURICATA.replace('threads: 4', 'threads: 1'));
    expect(await refused('--from', path)).toEqual([2, expect.stringContaining(`${path}:5: Suricata has one capture thread on ${CAPTURE}`)]);
  });

  test('cluster_qm with threads: auto counts the rings of the NIC, and veth has none to count', async () => {
    const path = file('qm.yaml', suricata(`  - interface: ${CAPTURE}\n    cluster-type: cluster_qm\n`));
    const [status, stderr] = await refused('--from', path);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/RSS queues of cap0\), and joins no fanout group/)]);
    const result = await from('--from', path, '--procs', '2', ...LIMIT);
    expect([result.group.mode, result.group.procs]).toEqual(['qm', 2]);
  });

  test.each([
    ['a template', 'template.yaml', suricata('  - interface: {{ iface }}\n    threads: 4\n'), /template\.yaml/],
    ['a file without a group', 'none.yaml', '%YAML 1.1\n---\npcap:\n  - interface: eth0\n', /deploys no fanout group/],
    ['what its program refuses', 'bad.yaml', 'af-packet:\n  - interface: eth0\n', /bad\.yaml:1: .*%YAML/],
    ['what is no configuration', 'prose.txt', 'Dear reader,\n', /nothing in .*prose\.txt tells which program/],
    [
      'a Packetbeat of nobody knows how many processes',
      'packetbeat.yml',
      `packetbeat.interfaces:\n  device: ${CAPTURE}\n  type: af_packet\n  fanout_group: 5\n`,
      /the number of members of Packetbeat is not in this file/,
    ],
  ])('%s', async (_, name, text, message) => {
    expect(await refused('--from', file(name, text))).toEqual([2, expect.stringMatching(message)]);
  });

  test('a file that is not there, a pipe, and options without --from', async () => {
    expect((await refused('--from', join(scratch.path, 'gone.yaml')))[0]).toBe(2);
    expect(await refused('--host', 'x')).toEqual([2, expect.stringContaining('--host is about a configuration')]);
    expect(await refused('--program-version', '7')).toEqual([2, expect.stringContaining('--from FILE')]);
  });

  test('several groups where one is tested, and an interface that none is on', async () => {
    const path = file('two.yaml', `${SURICATA}  - interface: ens9\n    threads: 2\n`);
    expect(await refused('compare', '--from', path)).toEqual([2, expect.stringContaining(`deploys 2 groups, on ${CAPTURE} and ens9`)]);
    expect(await refused('--from', path, '-i', 'ens8')).toEqual([2, expect.stringContaining('nothing on ens8')]);
  });

  test('an option of the file that this program does not take is told with its line', async () => {
    const path = file('slash.yaml', SURICATA.replace(`interface: ${CAPTURE}`, 'interface: cap/0'));
    const [status, stderr] = await refused('--from', path);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/--interface: "cap\/0" is not the name .*\(at .*slash\.yaml:4\)/)]);
  });
});

describe('in the lab', () => {
  test('CPUs that this host does not have pin no process', async () => {
    const node = `[zeek]\ntype=standalone\nhost=localhost\ninterface=af_packet::${CAPTURE}\nlb_method=custom\nlb_procs=2\npin_cpus=900,901\n`;
    const result = await from('--from', file('pins.cfg', node), '--flows', '200', '--ring-size', '4M', '--block-size', '128K');
    expect([result.status, result.members.map(({ cpu }) => cpu)]).toEqual([0, [undefined, undefined]]);
    expect(result.deployment?.remarks.map(({ code }) => code)).toContain('cpus-missing');
  });

  test('one thread on another interface joins no group, and the answer does not rest on it', async () => {
    const path = file('and-one.yaml', `${SURICATA.replace('    bpf-filter: tcp\n', '')}  - interface: ens9\n    threads: 1\n`);
    const both = await from<SeveralResult>('--from', path, '--flows', '200');
    expect([both.status, both.answer, both.runs.length]).toEqual([0, 'yes', 1]);
    expect(both.leftOut).toEqual([expect.objectContaining({ interface: 'ens9', isNoGroup: true })]);
  });

  test('the same groups, on traffic that is made up', async () => {
    const path = file(
      'lab.yaml',
      `${SURICATA.replace('    bpf-filter: tcp\n', '')}  - interface: ens9\n    threads: 2\n    cluster-id: 98\n`,
    );
    const both = await from<SeveralResult>('--from', path, '--flows', '200');
    expect([both.status, both.answer]).toEqual([0, 'yes']);
    expect(both.runs.map(({ source, deployment, group }) => [source.kind, deployment?.interface, group.procs])).toEqual([
      ['lab', CAPTURE, 4],
      ['lab', 'ens9', 2],
    ]);
    const { stdout } = await run(['--from', path, '--flows', '200']);
    expect(stdout).toMatch(/^Yes: all 2 groups kept both directions of every flow together\./);
    expect(stdout).toContain('in-the-lab');
  });

  test('scale goes up to the deployed size, compare has as many processes, and both say what was taken', async () => {
    const path = file('three.yaml', SURICATA.replace('threads: 4', 'threads: 3').replace('    bpf-filter: tcp\n', ''));
    const sizes = await from<ScaleResult>('scale', '--from', path, '--packets', '20000');
    expect(sizes.sizes.map(({ procs }) => procs)).toEqual([1, 2, 3]);
    expect(sizes.deployment?.settings).toContainEqual(expect.objectContaining({ option: '--procs', value: '3', line: 5 }));
    const compared = await from<ComparisonResult>('compare', '--from', path, '--flows', '100', '--modes', 'hash,lb');
    expect([compared.procs, compared.deployment?.program]).toEqual([3, 'suricata']);
    expect(compared.deployment?.remarks.map(({ code }) => code)).toContain('not-for-command');
  });
});

describe('rights', () => {
  testWith(
    [root()],
    "root reads a file of somebody else's with the rights of its owner, and includes no file of root's through it",
    {},
    async () => {
      const theirs = join(scratch.path, 'theirs');
      mkdirSync(theirs);
      const secret = join(scratch.path, 'secret.yaml');
      writeFileSync(secret, SURICATA, { mode: 0o600 });
      const path = join(theirs, 'suricata.yaml');
      writeFileSync(path, `%YAML 1.1\n---\ninclude: ${secret}\n`);
      for (const one of [theirs, path]) chownSync(one, 65534, 65534);
      const { status, stderr } = await run(['--from', path]);
      expect([status, stderr]).toEqual([2, expect.not.stringContaining('threads')]);
    },
  );
});
