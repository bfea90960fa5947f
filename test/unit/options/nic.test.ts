import { describe, expect, test } from 'vitest';
import { FanoutError } from '../../../src/errors.ts';
import { evenTable, hexOf, isSymmetric, queuesUsed } from '../../../src/nic/model.ts';
import { parseNic } from '../../../src/options/nic.ts';

const MICROSOFT = '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa';
const OTHER_KEY = Array.from({ length: 40 }, (_, i) => (i + 1).toString(16).padStart(2, '0')).join('');
const ALL = ['tcp4', 'udp4', 'sctp4', 'tcp6', 'udp6', 'sctp6'];

const FILE = `RX flow hash indirection table for ens1 with 4 RX ring(s):
    0:      0     1     2     3     0     1     2     3
    8:      0     1     2     3     0     1     2     3
RSS hash key:
${OTHER_KEY.match(/../g)?.join(':')}
RSS hash function:
    toeplitz: on
UDP over IPV4 flows use these fields for computing Hash flow key:
IP SA
IP DA

`;

function parse(text: string, files: Readonly<Record<string, string>> = {}) {
  return parseNic(text, {
    readText: (path) => {
      const found = files[path];
      if (found === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return found;
    },
  });
}

describe('settings as typed', () => {
  test('the key of the published suite, addresses and ports, and an even table unless something else is said', () => {
    const nic = parse('queues=8');
    expect(nic).toMatchObject({ queues: 8, transform: 'none', ports: ALL, text: 'queues=8,rss=microsoft,fields=sdfn' });
    expect(hexOf(nic.key)).toBe(MICROSOFT);
    expect([...nic.table]).toEqual(Array.from({ length: 128 }, (_, i) => i % 8));
  });

  test.each([
    ['queues=4,rss=symmetric', '6d5a'.repeat(20), 'none', 'queues=4,rss=symmetric,fields=sdfn'],
    ['rss=xor,queues=4', MICROSOFT, 'symmetric-xor', 'queues=4,rss=xor,fields=sdfn'],
    [`queues=4,rss=xor,key=${OTHER_KEY}`, OTHER_KEY, 'symmetric-xor', `queues=4,rss=xor,key=${OTHER_KEY},fields=sdfn`],
    [`queues=4,key=${OTHER_KEY.toUpperCase().match(/../g)?.join(':')}`, OTHER_KEY, 'none', `queues=4,key=${OTHER_KEY},fields=sdfn`],
  ])('%s', (text, key, transform, canonical) => {
    const nic = parse(text);
    expect([hexOf(nic.key), nic.transform, nic.text]).toEqual([key, transform, canonical]);
    // What is reported can be given again.
    expect(parse(nic.text)).toEqual(nic);
  });

  test('fields and table', () => {
    expect(parse('queues=4,fields=sd').ports).toEqual([]);
    const nic = parse('table=0:2:2');
    expect([nic.queues, [...nic.table], nic.text]).toEqual([3, [0, 2, 2], 'queues=3,rss=microsoft,fields=sdfn,table=0:2:2']);
    expect([...parse('queues=200').table].at(-1)).toBe(199);
  });

  test.each([
    ['queues=0', 'a whole number from 1 to 256'],
    ['queues=257', 'a whole number from 1 to 256'],
    ['queues=', 'a whole number from 1 to 256'],
    ['rss=xor', 'does not say how many queues there are'],
    ['queues=4,rss=toeplitz', 'one of microsoft, symmetric, xor'],
    ['queues=4,fields=s', 'one of sd, sdfn'],
    ['queues=4,key=6d5a', 'a key of at least 40 bytes'],
    ['queues=4,key=xyz', 'a key of at least 40 bytes'],
    ['queues=4,table=0:4', 'a list of queues from 0 to 3'],
    ['table=', 'a whole number from 0 to 255'],
    ['table=0:256', 'a whole number from 0 to 255'],
    ['queues=4,queue=3', '"queue=3" is no setting of a NIC'],
    ['queues=4,', '"" is no setting of a NIC'],
    ['queues=4,queues=4', 'queues is given twice'],
    [`queues=4,table=${'0:'.repeat(5000)}0`, 'up to 4096 entries'],
  ])('%s is refused', (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(message) }));
  });

  test('a key by name and another one contradict each other', () => {
    for (const rss of ['microsoft', 'symmetric'])
      expect(() => parse(`queues=4,rss=${rss},key=${OTHER_KEY}`)).toThrow(expect.objectContaining({ code: 'CONTRADICTORY_OPTIONS' }));
  });
});

describe('settings as saved', () => {
  test('file, device, key and fields are told, and what of it was assumed', () => {
    const nic = parse('nic.txt', { 'nic.txt': FILE });
    expect(nic).toMatchObject({ queues: 4, transform: 'none', ports: ALL.filter((kind) => kind !== 'udp4') });
    expect(nic.text).toBe(
      `ens1 of nic.txt: queues=4,key=${OTHER_KEY},fields=tcp4:sdfn/udp4:sd/sctp4:sdfn/tcp6:sdfn/udp6:sdfn/sctp6:sdfn,assumed=tcp4/sctp4/tcp6/udp6/sctp6`,
    );
  });

  test('nothing is told that makes no difference', () => {
    const nic = parse('f', { f: FILE.replaceAll(/ [1-3](?= |\n)/g, ' 0') });
    expect([nic.name, nic.text]).toEqual(['ens1 of f', 'ens1 of f: queues=4,table=0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0']);
  });

  test('a table that is not even is told', () => {
    const short = parse('f', { f: FILE.replace('    0:      0     1', '    0:      1     1') }).text;
    expect(short).toMatch(/,table=1:1:2:3:0:1:2:3:0:1:2:3:0:1:2:3$/);
  });

  test('a table that the device does not tell is the default', () => {
    const text = FILE.replace(/^ +\d+:.*\n/gm, '').replace('ring(s):\n', 'ring(s):\nOperation not supported\n');
    expect(parse('f', { f: text }).table).toEqual(evenTable(4));
  });

  test('more queues than a TAP has are refused, unless the table does without', () => {
    const many = FILE.replace('with 4 RX', 'with 300 RX');
    expect(queuesUsed(parse('f', { f: many }))).toBe(4);
    expect(() => parse('f', { f: many.replace('     1 ', '   256 ') })).toThrow(
      expect.objectContaining({ code: 'BAD_NIC', message: expect.stringContaining('queue 256') }),
    );
  });

  test('a file that cannot be read is named', () => {
    expect(() => parse('missing')).toThrow(FanoutError);
    expect(() => parse('missing')).toThrow(/--nic: cannot read missing: ENOENT/);
    // Without a setting's name in front it is a file.
    expect(parse('./queues=8', { './queues=8': FILE }).queues).toBe(4);
  });
});

test('a hash is symmetric if the key repeats every 16 bits, as far as it is used, or the input is', () => {
  const key = (hex: string) => ({ key: Uint8Array.from(Buffer.from(hex, 'hex')), transform: 'none' as const });
  expect(isSymmetric(key('6d5a'.repeat(20)))).toBe(true);
  expect(isSymmetric(key(`${'beef'.repeat(20)}0102`))).toBe(true);
  expect(isSymmetric(key(`${'6d5a'.repeat(19)}6d5b`))).toBe(false);
  expect(isSymmetric(key(MICROSOFT))).toBe(false);
  expect(isSymmetric({ ...key(MICROSOFT), transform: 'symmetric-or-xor' })).toBe(true);
});
