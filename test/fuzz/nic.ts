/** Any text as what ethtool says about a NIC, or as settings that are typed: a NIC that can be simulated, or an error that says why not. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { FanoutError } from '../../src/errors.ts';
import { KEY_BYTES, queuesUsed, TABLE_ENTRIES_MAX } from '../../src/nic/model.ts';
import { parseNic } from '../../src/options/nic.ts';
import { TAP_QUEUES_MAX } from '../../src/traffic/limits.ts';
import { bytesOf, type FuzzTarget, mutated, textOf } from './target.ts';

const entries = fc
  .tuple(fc.constantFrom(1, 8, 16, 128), fc.integer({ min: 1, max: 20 }))
  .map(([count, queues]) => Array.from({ length: count }, (_, i) => i % queues));
const table = fc.tuple(entries, fc.integer({ min: 1, max: 20 })).map(([list, rings]) => {
  const rows = Array.from({ length: Math.ceil(list.length / 8) }, (_, row) => {
    const cells = list.slice(8 * row, 8 * row + 8).map((queue) => String(queue).padStart(6));
    return `${String(8 * row).padStart(5)}: ${cells.join('')}`;
  });
  return [`RX flow hash indirection table for eth0 with ${rings} RX ring(s):`, ...rows].join('\n');
});
const key = fc.constantFrom(40, 52, 10).map((bytes) => `RSS hash key:\n${Array(bytes).fill('6d').join(':')}`);
const functions = fc
  .constantFrom('toeplitz', 'xor')
  .map(
    (on) =>
      `RSS hash function:\n    toeplitz: ${on === 'toeplitz' ? 'on' : 'off'}\n    xor: ${on === 'xor' ? 'on' : 'off'}\n    crc32: off`,
  );
const transform = fc
  .constantFrom('on', 'off')
  .map((xor) => `RSS input transformation:\n    symmetric-xor: ${xor}\n    symmetric-or-xor: off`);
const PORTS = ['L4 bytes 0 & 1 [TCP/UDP src port]', 'L4 bytes 2 & 3 [TCP/UDP dst port]'];
const fields = fc
  .tuple(fc.constantFrom('TCP', 'UDP', 'SCTP'), fc.constantFrom('4', '6'), fc.boolean())
  .map(([protocol, version, ports]) =>
    [
      `${protocol} over IPV${version} flows use these fields for computing Hash flow key:`,
      'IP SA',
      'IP DA',
      ...(ports ? PORTS : []),
      '',
    ].join('\n'),
  );
const channels = fc
  .constantFrom('n/a', '8')
  .map(
    (rx) =>
      `Channel parameters for eth0:\nPre-set maximums:\nRX:\t\t63\nTX:\t\tn/a\nOther:\t\t1\nCombined:\t63\nCurrent hardware settings:\nRX:\t\t${rx}\nTX:\t\tn/a\nOther:\t\t1\nCombined:\t12\n`,
  );
const WORDS = [
  'Operation not supported\n',
  '# ethtool -x eth0\n',
  'For RSS context 0:\n',
  'For RSS context 1:\n',
  'TCP over IPV4 - All matching flows discarded on RX\n',
  'GTPU over IPV4 flows use these fields for computing Hash flow key:\n',
  'RSS hash key:\n',
  'Unknown hash function: 0x8\n',
  'VLAN tag\n',
  'None\n',
  'netlink error: Operation not supported\n',
];
const section = fc.oneof(fields, functions, transform, channels, key, fc.constantFrom(...WORDS));
const outputs = fc
  .tuple(table, key, fc.array(section, { maxLength: 4 }), fc.boolean())
  .map(([first, second, rest, isTurned]) => `${(isTurned ? [...rest, second, first] : [first, second, ...rest]).join('\n')}\n`);

const typed = fc
  .record(
    {
      queues: fc.constantFrom('2', '8', '65535'),
      rss: fc.constantFrom('microsoft', 'symmetric', 'xor'),
      key: fc.constantFrom('6d5a'.repeat(20), '6d:'.repeat(39).concat('5a'), '6d'),
      fields: fc.constantFrom('sd', 'sdfn', 'sdf'),
      table: fc.constantFrom('0', '0:1', '0:1:7:3', '9:0'),
    },
    { requiredKeys: [] },
  )
  .map((settings) =>
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  );

/** A file of any content; what begins like a setting is typed. */
function check(text: string, isTyped: boolean): void {
  try {
    const nic = parseNic(isTyped ? text : 'nic.txt', { readText: () => text });
    assert(nic.key.length >= KEY_BYTES && nic.table.length <= Math.max(TABLE_ENTRIES_MAX, nic.queues));
    assert(queuesUsed(nic) <= Math.min(TAP_QUEUES_MAX, nic.queues));
  } catch (error) {
    const codes = isTyped ? ['USAGE', 'CONTRADICTORY_OPTIONS', 'BAD_NIC'] : ['BAD_NIC'];
    assert(error instanceof FanoutError && codes.includes(error.code) && error.remedy !== '', String(error));
  }
}

export const nic: FuzzTarget = {
  name: 'nic',
  covers: ['src/nic/ethtool.ts', 'src/options/nic.ts', 'src/nic/model.ts'],
  words: [...WORDS, 'queues=', 'rss=', 'key=', 'fields=', 'table=', ',', ':'],
  inputs: fc.oneof({ arbitrary: mutated(outputs, WORDS), weight: 2 }, mutated(typed)).map(bytesOf),
  run: (input) => {
    const text = textOf(input);
    for (const isTyped of [false, true]) check(text, isTyped);
  },
};
