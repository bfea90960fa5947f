import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FanoutError } from '../../../src/errors.ts';
import { parseEthtool, type SavedNic } from '../../../src/nic/ethtool.ts';

/** `ethtool -x` as ethtool 4.x to 6.x lays it out: entries in rows of eight. */
function table(device: string, rings: number, entries: readonly number[]): string {
  const rows = Array.from({ length: Math.ceil(entries.length / 8) }, (_, row) => {
    const cells = entries.slice(8 * row, 8 * row + 8).map((queue) => String(queue).padStart(6));
    return `${String(8 * row).padStart(5)}: ${cells.join('')}`;
  });
  return [`RX flow hash indirection table for ${device} with ${rings} RX ring(s):`, ...rows, ''].join('\n');
}

const even = (entries: number, queues: number) => Array.from({ length: entries }, (_, i) => i % queues);
const keyOf = (bytes: number) => Array.from({ length: bytes }, (_, i) => ((i * 37 + 11) & 255).toString(16).padStart(2, '0')).join(':');
const functions = (on: string) =>
  `RSS hash function:\n${['toeplitz', 'xor', 'crc32'].map((name) => `    ${name}: ${name === on ? 'on' : 'off'}\n`).join('')}`;
const fields = (kind: string, ...names: readonly string[]) =>
  `${kind} flows use these fields for computing Hash flow key:\n${names.map((name) => `${name}\n`).join('')}\n`;
const ADDRESSES = ['IP SA', 'IP DA'];
const PORTS = ['L4 bytes 0 & 1 [TCP/UDP src port]', 'L4 bytes 2 & 3 [TCP/UDP dst port]'];

/** ixgbe: 128 entries, 40 bytes, UDP by addresses. */
const IXGBE = `${table('eno1', 12, even(128, 12))}RSS hash key:\n${keyOf(40)}\n${functions('toeplitz')}`;
/** i40e and ice: 512 entries, 52 bytes. */
const ICE = `${table('ens1f0', 16, even(512, 16))}RSS hash key:\n${keyOf(52)}\n${functions('toeplitz')}RSS input transformation:\n    symmetric-xor: on\n    symmetric-or-xor: off\n`;
const CHANNELS = `Channel parameters for eno1:
Pre-set maximums:
RX:		n/a
TX:		n/a
Other:		1
Combined:	63
Current hardware settings:
RX:		n/a
TX:		n/a
Other:		1
Combined:	12

`;

const parse = (text: string): SavedNic => parseEthtool(text, 'nic.txt');

function failure(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    expect(error.code).toBe('BAD_NIC');
    expect(error.remedy).not.toBe('');
    return error.message;
  }
  throw new Error('no error');
}

describe('what drivers print', () => {
  test('ixgbe with old ethtool, its fields and channels, in any order', () => {
    const parts = [IXGBE, CHANNELS, fields('TCP over IPV4', ...ADDRESSES, ...PORTS), fields('UDP over IPV6', ...ADDRESSES)];
    for (const order of [parts, parts.toReversed()]) {
      const nic = parse(order.join(''));
      expect(nic).toMatchObject({ device: 'eno1', queues: 12, transform: 'none' });
      expect(Buffer.from(nic.key).toString('hex')).toBe(keyOf(40).replaceAll(':', ''));
      expect([...(nic.table ?? [])]).toEqual(even(128, 12));
      expect([...nic.fields]).toEqual(
        expect.arrayContaining([
          ['tcp4', 'sdfn'],
          ['udp6', 'sd'],
        ]),
      );
      expect(nic.fields.size).toBe(2);
    }
  });

  test('ice with an input transformation, 512 entries and a key of 52 bytes', () => {
    const nic = parse(ICE);
    expect(nic).toMatchObject({ device: 'ens1f0', queues: 16, transform: 'symmetric-xor' });
    expect([nic.key.length, nic.table?.length]).toEqual([52, 512]);
    expect(parse(ICE.replace('symmetric-xor: on', 'symmetric-xor: off').replace('or-xor: off', 'or-xor: on')).transform).toBe(
      'symmetric-or-xor',
    );
  });

  test('no key is needed where all goes to one queue', () => {
    const silent = 'RSS hash key:\nOperation not supported\nRSS hash function:\n    Operation not supported\n';
    expect(parse(`${table('eth0', 1, even(128, 1))}${silent}`)).toMatchObject({ queues: 1 });
    expect(parse(`${table('eth0', 1, [])}Operation not supported\n${silent}`)).not.toHaveProperty('table');
  });

  test('virtio_net without RSS, as ethtool 6.1 shows it', () => {
    const kinds = ['TCP', 'UDP', 'SCTP'].flatMap((protocol) => [`${protocol} over IPV4`, `${protocol} over IPV6`]);
    const none = kinds.map((kind) => fields(kind, 'None').trimEnd()).join('\n');
    const text = `RX flow hash indirection table for eth0 with 1 RX ring(s):
Operation not supported
RSS hash key:
Operation not supported
${functions('toeplitz')}${none}
Channel parameters for eth0:
Pre-set maximums:
RX:		n/a
TX:		n/a
Other:		n/a
Combined:	1
Current hardware settings:
RX:		n/a
TX:		n/a
Other:		n/a
Combined:	1
`;
    expect(parse(text)).toMatchObject({ device: 'eth0', queues: 1, fields: new Map() });
  });

  test('a table with weights, which leaves a queue out', () => {
    expect([...(parse(IXGBE.replaceAll('     0 ', '     3 ')).table ?? [])].slice(0, 3)).toEqual([3, 1, 2]);
  });

  test('fields of other kinds of flow, prompts and failures in between', () => {
    const text = [
      '# ethtool -x eno1\n',
      IXGBE,
      '[root@sensor ~]# ethtool -n eno1 rx-flow-hash ah4\n',
      fields('IPSEC AH/ESP over IPV4', ...ADDRESSES),
      '$ ethtool -n eno1 rx-flow-hash sctp4\n',
      'Cannot get RX network flow hashing options: Operation not supported\n',
      'For RSS context 0:\n',
      fields('SCTP over IPV4', ...ADDRESSES),
    ].join('');
    expect([...parse(text).fields]).toEqual([['sctp4', 'sd']]);
    expect(parse(text.replaceAll('\n', '\r\n')).queues).toBe(12);
  });
});

describe('what cannot be simulated, or is no output of ethtool', () => {
  test.each([
    ['nothing', '', 'nic.txt: no output of ethtool -x in it'],
    ['channels alone', CHANNELS, 'nic.txt: no output of ethtool -x in it'],
    ['another text', 'eno1: flags=4163\n', 'nic.txt:1: "eno1: flags=4163" is nothing that ethtool -x'],
    ['JSON', '[ {\n', 'nic.txt:1: "[ {" is nothing'],
    [
      'a hash function of the driver',
      `${table('eth0', 2, [0, 1])}RSS hash key:\n${keyOf(40)}\n${functions('crc32')}`,
      'nic.txt:8: the NIC hashes by crc32',
    ],
    ['xor', IXGBE.replace(functions('toeplitz'), functions('xor')), 'nic.txt:22: the NIC hashes by xor'],
    [
      'an unknown function',
      `${table('eth0', 2, [0, 1])}RSS hash function:\n    Unknown hash function: 0x8\n`,
      'nic.txt:4: the NIC hashes by a function that',
    ],
    ['an unknown transformation', ICE.replace('symmetric-or-xor: off', 'sorted: on'), 'nic.txt:74: "sorted: on": an input transformation'],
    ['two transformations', ICE.replace('symmetric-or-xor: off', 'symmetric-or-xor: on'), 'nic.txt:74: "symmetric-or-xor: on"'],
    ['bits that ethtool does not know', `${ICE}    Unknown bits in RSS input transformation: 0x4\n`, 'nic.txt:75: "Unknown bits'],
    ['no key', `${table('ens3', 4, even(128, 4))}RSS hash key:\nOperation not supported\n`, 'nic.txt: ens3 does not tell its hash key'],
    ['no section of a key (ethtool before 3.18)', table('ens3', 4, even(128, 4)), 'nic.txt: ens3 does not tell its hash key'],
    ['a short key', IXGBE.replace(keyOf(40), keyOf(39)), 'nic.txt:19: "0b:30:55'],
    ['a key that is cut', IXGBE.replace(keyOf(40), `${keyOf(40)}:`), 'nic.txt:19: "0b:30:55'],
    ['a row left out', IXGBE.replace(/^ {4}8:.*\n/m, ''), 'nic.txt:3: entry 8 of the table is expected here, and this is entry 16'],
    ['dots instead of rows', IXGBE.replace(/^ {4}8:.*$/m, '   ...'), 'nic.txt:3: "..." is nothing'],
    ['a queue that is none', IXGBE.replace('     1 ', ' 99999 '), 'nic.txt:2: 99999 as a queue: not a number from 0 to 65535'],
    [
      'a queue that does not exist',
      IXGBE.replace('     1 ', '    12 '),
      'nic.txt: the table names queue 12, but eno1 has 12 receive rings',
    ],
    ['two NICs', `${IXGBE}${ICE}`, 'nic.txt:24: "RX flow hash indirection table for ens1f0'],
    ['the channels of another one', `${ICE}${CHANNELS}`, 'nic.txt:75: this is about eno1, and the output of ethtool -x about ens1f0'],
    ['another RSS context', `${IXGBE}For RSS context 1:\n`, 'nic.txt:24: RSS context 1 is not simulated'],
    [
      'traffic that is thrown away',
      `${IXGBE}UDP over IPV4 flows - All matching flows discarded on RX\n`,
      'nic.txt:24: the NIC throws UDP over IPV4 flows away',
    ],
    ['one field', `${IXGBE}${fields('UDP over IPV4', 'IP DA')}`, 'nic.txt:24: udp4 is hashed by other fields'],
    ['no field', `${IXGBE}${fields('UDP over IPV4', 'None')}`, 'nic.txt:24: the NIC does not hash udp4'],
    ['VLAN tags', `${IXGBE}${fields('TCP over IPV6', ...ADDRESSES, ...PORTS, 'VLAN tag')}`, 'nic.txt:24: tcp6 is hashed by other fields'],
    ['an unknown field', `${IXGBE}${fields('TCP over IPV6', 'Colour')}`, 'nic.txt:25: "Colour" is nothing'],
    [
      'fields that contradict each other',
      `${IXGBE}${fields('TCP over IPV4', ...ADDRESSES)}${fields('TCP over IPV4', ...ADDRESSES, ...PORTS)}`,
      'nic.txt:28: tcp4 had other fields before',
    ],
    ['a text without end', 'x'.repeat((1 << 20) + 1), 'nic.txt: longer than 1048576 characters'],
  ])('%s', (_, text, message) => {
    expect(failure(text)).toContain(message);
  });

  test('a remedy for a NIC that does not tell its key', () => {
    expect(() => parse(table('ens3', 4, even(128, 4)))).toThrow(
      expect.objectContaining({ remedy: 'try what it may be: --nic queues=4,rss=microsoft and --nic queues=4,rss=symmetric' }),
    );
  });

  test('any text, and any damage to a good one, is read or refused', () => {
    const read = (text: string) => {
      try {
        const { key, queues, table: entries = [] } = parse(text);
        expect(key.length).toBeGreaterThanOrEqual(40);
        expect(Math.max(0, ...entries)).toBeLessThan(queues);
      } catch (error) {
        expect(error).toBeInstanceOf(FanoutError);
      }
    };
    fc.assert(fc.property(fc.string(), read), { numRuns: 200 });
    const whole = `${ICE}${fields('TCP over IPV4', ...ADDRESSES, ...PORTS)}`;
    const place = fc.nat(whole.length);
    fc.assert(
      fc.property(place, place, fc.string(), (from, length, put) => read(whole.slice(0, from) + put + whole.slice(from + (length % 200)))),
      { numRuns: 300 },
    );
  });
});
