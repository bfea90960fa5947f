/** Recorded hosts below a directory: what /sys and /proc say of an interface, and what they leave out. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostFacts, isInitialNetwork, softnetRows } from '../../../src/host/nic/procfs.ts';
import { sysfsFacts } from '../../../src/host/nic/sysfs.ts';
import { factOf, type Roots } from '../../../src/host/nic/told.ts';

let top: string;
let roots: Roots;

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'nic-files-'));
  roots = { sys: join(top, 'sys'), proc: join(top, 'proc') };
});
afterEach(() => rmSync(top, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(top, path)), { recursive: true });
  symlinkSync(target, join(top, path));
}

const NET = 'sys/class/net/eth0';
const PCI = 'sys/devices/pci0000:00/0000:00:03.0';
const said = (fact: object): unknown => ('value' in fact ? fact.value : fact);

/** As on a virtual machine: interrupts belong to what virtio is behind. */
function writeVirtio(): void {
  write({
    [`${NET}/ifindex`]: '2\n',
    [`${NET}/threaded`]: '0\n',
    [`${NET}/queues/rx-0/rps_cpus`]: '3\n',
    [`${NET}/queues/rx-0/rps_flow_cnt`]: '0\n',
    [`${NET}/queues/rx-10/rps_cpus`]: '00000001,00000000\n',
    [`${NET}/queues/rx-10/rps_flow_cnt`]: '4096\n',
    [`${NET}/queues/rx-9/rps_cpus`]: '0\n',
    [`${NET}/queues/rx-9/rps_flow_cnt`]: '0\n',
    [`${NET}/queues/tx-0/xps_cpus`]: '0\n',
    [`${PCI}/virtio2/driver_override`]: '',
    [`${PCI}/numa_node`]: '1\n',
    [`${PCI}/msi_irqs/37`]: 'msix\n',
    [`${PCI}/msi_irqs/38`]: 'msix\n',
    [`${PCI}/msi_irqs/39`]: 'msix\n',
    'sys/bus/virtio/uevent': '',
    'proc/interrupts':
      '   CPU0   CPU1\n 37:   0   0 PCI-MSIX-0000:00:03.0   0-edge      virtio2-config\n 38:   0  91 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0\n',
    'proc/irq/37/smp_affinity_list': '0-1\n',
    'proc/irq/38/smp_affinity_list': '0-1\n',
    'proc/irq/38/effective_affinity_list': '1\n',
  });
  link(`${NET}/device`, join(top, `${PCI}/virtio2`));
  link(`${PCI}/virtio2/subsystem`, join(top, 'sys/bus/virtio'));
}

describe('/sys', () => {
  test('queues in order, interrupts and the node of what virtio is behind', () => {
    writeVirtio();
    const facts = sysfsFacts('eth0', 2, undefined, roots);
    expect(said(facts.rps)).toEqual([
      { queue: 0, rpsCpus: [0, 1], flowCount: 0 },
      { queue: 9, rpsCpus: [], flowCount: 0 },
      { queue: 10, rpsCpus: [32], flowCount: 4096 },
    ]);
    expect(said(facts.queuesInUse)).toBe(3);
    expect(said(facts.threadedNapi)).toBe(false);
    expect(said(facts.irqs)).toEqual([
      { irq: 37, name: 'virtio2-config', cpus: [0, 1] },
      { irq: 38, name: 'virtio2-input.0', cpus: [0, 1], effective: [1] },
    ]);
    expect(said(facts.numaNode)).toBe(1);
    expect(said(facts.bond)).toBeNull();
  });

  test('neighbours, and the bond that it belongs to', () => {
    write({
      [`${NET}/ifindex`]: '2\n',
      [`${NET}/upper_bond0`]: '',
      [`${NET}/lower_eth1`]: '',
      [`${NET}/lower_eth0x`]: '',
      'sys/class/net/bond0/bonding/mode': '802.3ad 4\n',
      'sys/class/net/bond0/bonding/xmit_hash_policy': 'layer3+4 1\n',
    });
    const facts = sysfsFacts('eth0', 2, 'bond0', roots);
    expect(said(facts.uppers)).toEqual(['bond0']);
    expect(said(facts.lowers)).toEqual(['eth0x', 'eth1']);
    expect(said(facts.bond)).toEqual({ mode: '802.3ad', hashPolicy: 'layer3+4' });
  });

  test.each([
    ['of another index', { [`${NET}/ifindex`]: '7\n' }],
    ['not there', {}],
  ])('an interface %s is of another namespace', (_, files) => {
    write(files);
    for (const fact of Object.values(sysfsFacts('eth0', 2, undefined, roots)))
      expect(fact).toMatchObject({
        why: 'the /sys that is mounted here shows another network namespace',
        needs: expect.stringContaining('/sys'),
      });
  });

  test('nor is one of the same index among others ours', () => {
    const heading = 'Inter-|   Receive\n face |bytes\n';
    write({ [`${NET}/ifindex`]: '2\n', 'sys/class/net/bonding_masters': '\n', 'proc/self/net/dev': `${heading}  eth0:    1\n` });
    const { uppers } = sysfsFacts('eth0', 2, undefined, roots);
    expect(said(uppers)).toEqual([]);
    write({ 'proc/self/net/dev': `${heading}  eth0:    1\n    lo:    1\n` });
    expect(sysfsFacts('eth0', 2, undefined, roots).uppers).toMatchObject({ why: expect.stringContaining('another network namespace') });
  });

  test('what a virtual interface lacks, and what an old kernel does', () => {
    write({ [`${NET}/ifindex`]: '2\n', [`${NET}/queues/rx-0/uevent`]: '' });
    const facts = sysfsFacts('eth0', 2, undefined, roots);
    expect(facts.irqs).toMatchObject({ why: 'it has no device of its own: it is virtual' });
    expect(facts.numaNode).toMatchObject({ why: 'it has no device of its own: it is virtual' });
    expect(facts.threadedNapi).toEqual({ where: join(top, NET, 'threaded'), why: 'No such file or directory' });
    expect(facts.rps).toMatchObject({ why: 'No such file or directory' });
  });

  test('no node, no interrupts of its own', () => {
    write({ [`${NET}/ifindex`]: '2\n', [`${PCI}/numa_node`]: '-1\n' });
    link(`${NET}/device`, join(top, PCI));
    const facts = sysfsFacts('eth0', 2, undefined, roots);
    expect(facts.numaNode).toMatchObject({ why: expect.stringContaining('(-1)') });
    expect(facts.irqs).toMatchObject({ why: expect.stringContaining('MSI') });
  });

  test('text that is not understood is shown, and no more than its beginning', () => {
    write({ [`${NET}/ifindex`]: '2\n', [`${NET}/threaded`]: `\u001b[2J${'x'.repeat(1000)}` });
    const { threadedNapi } = sysfsFacts('eth0', 2, undefined, roots);
    expect(threadedNapi).toMatchObject({ why: expect.stringMatching(/^\S+ says "\\u001b\[2Jx{36}", which is not understood$/) });
  });
});

describe('/proc', () => {
  const CPUS = { 'sys/devices/system/cpu/online': '0-3\n', 'sys/devices/system/cpu/isolated': '2-3\n' };
  const here = (): void => link('proc/self/ns/pid', 'pid:[4026531836]');

  test('settings of the host', () => {
    write({ ...CPUS, 'proc/sys/net/core/rps_sock_flow_entries': '32768\n', 'proc/sys/net/core/netdev_max_backlog': '1000\n' });
    const facts = hostFacts(roots);
    expect([said(facts.rfsEntries), said(facts.backlogMax)]).toEqual([32768, 1000]);
    expect(said(facts.cpus)).toEqual({ online: [0, 1, 2, 3], isolated: [2, 3] });
    expect(isInitialNetwork(roots)).toBe(true);
  });

  test('which other network namespaces do not show', () => {
    write({ 'proc/sys/net/core/somaxconn': '4096\n' });
    const facts = hostFacts(roots);
    expect(facts.backlogMax).toMatchObject({ why: expect.stringContaining('does not show it'), needs: 'the initial network namespace' });
    expect(facts.rfsEntries).toMatchObject({ needs: 'the initial network namespace' });
    expect(facts.cpus).toMatchObject({ why: 'No such file or directory' });
    expect(isInitialNetwork(roots)).toBe(false);
  });

  test('a kernel without RFS', () => {
    write({ 'proc/sys/net/core/netdev_max_backlog': '1000\n' });
    expect(hostFacts(roots).rfsEntries).toEqual({
      where: join(roots.proc, 'sys/net/core/rps_sock_flow_entries'),
      why: 'No such file or directory',
    });
  });

  test('irqbalance runs, or does not', () => {
    write({ 'proc/1/comm': 'systemd\n', 'proc/77/comm': 'irqbalance\n', 'proc/78/maps': '' });
    here();
    expect(said(hostFacts(roots).irqbalance)).toBe(true);
    write({ 'proc/77/comm': 'cat\n' });
    expect(said(hostFacts(roots).irqbalance)).toBe(false);
  });

  test('or nobody can tell from here', () => {
    write({ 'proc/77/comm': 'cat\n' });
    here();
    expect(hostFacts(roots).irqbalance).toMatchObject({ why: expect.stringContaining('hidepid'), needs: 'root (sudo)' });
    rmSync(join(top, 'proc/self/ns/pid'));
    link('proc/self/ns/pid', 'pid:[4026532222]');
    expect(hostFacts(roots).irqbalance).toMatchObject({ needs: 'the PID namespace of the host' });
    write({ 'proc/78/comm': 'irqbalance\n' });
    expect(said(hostFacts(roots).irqbalance)).toBe(true);
  });

  test('losses of the CPUs', () => {
    write({ 'proc/net/softnet_stat': '00000001 00000002 00000003\n' });
    expect(softnetRows(join(roots.proc, 'net/softnet_stat'))).toEqual([{ cpu: 0, dropped: 2, squeezed: 3, rps: 0, flowLimited: 0 }]);
  });
});

test('a defect is no fact', () =>
  expect(() =>
    factOf('somewhere', () => {
      throw new TypeError('a defect');
    }),
  ).toThrow('a defect'));
