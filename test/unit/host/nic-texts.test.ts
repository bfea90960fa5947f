import { describe, expect, test } from 'vitest';
import {
  featureName,
  hashFieldLetters,
  isLoss,
  parseChoice,
  parseCpuMask,
  parseCpus,
  parseDevices,
  parseInterrupts,
  parseNumber,
  parseSoftnet,
} from '../../../src/host/nic/texts.ts';

describe('masks of CPUs', () => {
  test.each([
    ['0\n', []],
    ['3\n', [0, 1]],
    ['00000000,0000000f\n', [0, 1, 2, 3]],
    ['80000000,00000000,00000001', [0, 95]],
    ['ffffffff', Array.from({ length: 32 }, (_, cpu) => cpu)],
  ])('%j', (text, cpus) => expect(parseCpuMask(text)).toEqual(cpus));

  test.each(['', 'g', '0x3', '3,', '123456789', '-1', Array.from({ length: 257 }, () => '0').join(',')])('%j is none', (text) =>
    expect(parseCpuMask(text)).toBeUndefined(),
  );
});

test('lists of CPUs, and of none', () => {
  expect(parseCpus('0-2,5\n')).toEqual([0, 1, 2, 5]);
  expect(parseCpus('\n')).toEqual([]);
  expect(parseCpus('0-')).toBeUndefined();
});

test('one number', () => {
  expect(parseNumber('1000\n')).toBe(1000);
  expect(parseNumber('-1\n')).toBe(-1);
  for (const text of ['', 'one', '1 2', '0x10', '1'.repeat(16)]) expect(parseNumber(text)).toBeUndefined();
});

test('names of interfaces, which may be odd', () => {
  const heading = 'Inter-|   Receive                            |  Transmit\n face |bytes    packets errs\n';
  expect(parseDevices(`${heading}    lo:  100    1\n eth0.7: 1 2\n  a:b:1 2\n`)).toEqual(['a:b', 'eth0.7', 'lo']);
  expect(parseDevices('')).toEqual([]);
});

test('what is chosen for a bond', () => {
  expect(parseChoice('802.3ad 4\n')).toBe('802.3ad');
  expect(parseChoice('layer3+4 1\n')).toBe('layer3+4');
  expect(parseChoice('\n')).toBeUndefined();
});

describe('/proc/net/softnet_stat', () => {
  const RECENT =
    '00381ed8 00000002 0000000a 00000000 00000000 00000000 00000000 00000000 00000000 00135178 00000003 00000000 00000000 00000000 00000000\n' +
    '000883e3 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000003 00000000 00000000\n';

  test('of each CPU that is online', () =>
    expect(parseSoftnet(RECENT)).toEqual([
      { cpu: 0, dropped: 2, squeezed: 10, rps: 0x135178, flowLimited: 3 },
      { cpu: 3, dropped: 0, squeezed: 0, rps: 0, flowLimited: 0 },
    ]));

  test('before a column said which', () => {
    const old = 'ffffffff 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000\n'.repeat(2);
    expect(parseSoftnet(old)?.map(({ cpu, dropped, rps }) => [cpu, dropped, rps])).toEqual([
      [0, 1, 0],
      [1, 1, 0],
    ]);
  });

  test.each(['', '\n', '0000 0001\n', 'CPU dropped squeezed\n'])('%j is none', (text) => expect(parseSoftnet(text)).toBeUndefined());
});

describe('/proc/interrupts', () => {
  test('who asked for each', () => {
    const text = [
      '           CPU0       CPU1       ',
      '  8:          0          0  IO-APIC   8-edge      rtc0',
      ' 37:          0          0 PCI-MSIX-0000:00:03.0   0-edge      virtio2-config',
      ' 38:          0       4891 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0',
      ' 60:         12          0 PCI-MSI 32768-edge      i40e-eth 0-TxRx-0, another',
      ' 61:          0          0 PCI-MSI 32769-edge    ',
      'NMI:          0          0   Non-maskable interrupts',
      'ERR:          0',
      '',
    ].join('\n');
    expect([...(parseInterrupts(text) ?? [])]).toEqual([
      [8, 'rtc0'],
      [37, 'virtio2-config'],
      [38, 'virtio2-input.0'],
      [60, 'i40e-eth 0-TxRx-0, another'],
      [61, ''],
    ]);
  });

  test('of other controllers', () => {
    const text = '           CPU0       CPU2       \n 13:       1234          5     GICv3  27 Level     arch_timer\n';
    expect(parseInterrupts(text)?.get(13)).toBe('arch_timer');
  });

  test.each(['', 'no such list\n'])('%j is none', (text) => expect(parseInterrupts(text)).toBeUndefined());
});

describe('counters of drivers', () => {
  test.each([
    'rx_drops', // virtio-net
    'rx0_drops',
    'rx_queue_3_drops', // veth
    'rx_missed_errors', // ixgbe
    'rx_no_buffer_count',
    'rx_no_dma_resources',
    'alloc_rx_buff_failed',
    'port.rx_dropped', // i40e
    'rx_dropped.nic', // ice
    'rx_out_of_buffer', // mlx5
    'rx_discards_phy',
    'rx_buff_alloc_err',
    'rx_fifo_errors',
    '[0]: rx_discards', // bnxt
    'queue_0_rx_page_alloc_fail', // ena
    'rx_buf_alloc_fail', // gve
    'pkts rx OOB', // vmxnet3
    'port_rx_nodesc_drops', // sfc
  ])('%s is a loss', (name) => expect(isLoss(name)).toBe(true));

  test.each([
    'rx_packets',
    'rx_kicks',
    'rx_xdp_drops',
    'rx_queue_0_xdp_drops',
    'tx_xdp_tx_drops',
    'tx_dropped',
    'tx_fifo_errors',
    'rx_cache_full',
    'fdir_miss',
    'rx_bytes',
    'dropped',
    '',
  ])('%s is none', (name) => expect(isLoss(name)).toBe(false));
});

test('features have the names of ethtool', () =>
  expect(['rx-gro', 'rx-lro', 'rx-hashing', 'rx-ntuple-filter', 'rx-gro-hw', 'rx-gro-list'].map(featureName)).toEqual([
    'generic-receive-offload',
    'large-receive-offload',
    'receive-hashing',
    'ntuple-filters',
    'rx-gro-hw',
    'rx-gro-list',
  ]));

test.each([
  [0, ''],
  [0xf0, 'sdfn'],
  [0x30, 'sd'],
  [0x10, 's'],
  [0x04 | 0x30, 'vsd'],
  [2 ** 31, 'r'],
  [0xf0 + 2 ** 20, 'sdfn?'],
])('hash fields %i are %j', (fields, letters) => expect(hashFieldLetters(fields)).toBe(letters));
