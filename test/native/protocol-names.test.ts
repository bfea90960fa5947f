/** The names that flows have for their protocols are ones that can be turned back into numbers. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { communityId, communityIdOf } from '../../src/model/community-id.ts';

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('base64');

/** Ethernet, an IPv4 header, and zeros: none of the tunnels has anything inside that could be opened. */
function frameOf(protocol: number): Uint8Array {
  const frame = new Uint8Array(14 + 20 + 64);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0], 0);
  frame.set([0x45, 0, 0, 84, 0, 1, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2], 14);
  return frame;
}

test('every IP protocol has the Community ID of its number', () => {
  const named: string[] = [];
  for (let first = 0; first < 256; first += 1) {
    const seen = native.dissectFrame(frameOf(first));
    // What AH and others say comes next.
    const { protocol } = seen;
    // An echo has one by the direction of its requests as well.
    if (seen.kind !== 'flow' || [1, 58].includes(protocol)) continue;
    const { proto, src, dst, sport, dport } = seen.flow;
    if (proto !== String(protocol)) named.push(proto);
    const ports = ['tcp', 'udp', 'sctp'].includes(proto) ? ([sport, dport] as const) : undefined;
    const expected = communityId({ protocol, src, dst, ...(ports === undefined ? {} : { ports }) }, sha1);
    expect([proto, communityIdOf(seen.flow, undefined, sha1)]).toEqual([proto, expected]);
  }
  expect(named).toEqual(expect.arrayContaining(['tcp', 'udp', 'sctp', 'esp', 'ospf']));
});
