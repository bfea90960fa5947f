import { expect, test } from 'vitest';
import { listedSockets, parsePacketList } from '../../../src/host/packet-list.ts';

const HEADING = 'sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n';

test('sockets of all interfaces, bound or not', () => {
  const lines = [
    '0000000000000000 3      3    0003   2     1 0      0      25001 ',
    'ffff9c5e8a3f1000 3      2    88cc   0     1 4096   101    25002 ',
    '00000000deadbeef 3      3    0000   0     0 0      1000   25003 ',
  ];
  expect(parsePacketList(`${HEADING}${lines.join('\n')}\n`)).toEqual([
    { inode: 25001, ifindex: 2, protocol: 3, uid: 0 },
    { inode: 25002, ifindex: 0, protocol: 0x88cc, uid: 101 },
    { inode: 25003, ifindex: 0, protocol: 0, uid: 1000 },
  ]);
});

test('none, and what is no such list', () => {
  expect(parsePacketList(HEADING)).toEqual([]);
  expect(parsePacketList('cannot open\n')).toEqual([]);
});

test('the list of this host can be read', () => expect(Array.isArray(listedSockets())).toBe(true));
