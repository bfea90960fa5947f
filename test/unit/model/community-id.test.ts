import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { withCommunityIds } from '../../../src/collector/run/community-ids.ts';
import { type CommunityTuple, communityId, communityIdOf } from '../../../src/model/community-id.ts';
import type { FlowId } from '../../../src/model/run-result.ts';
import { epoch, evidenceOf, group } from '../../helpers/evidence.ts';

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('base64');

/** What the specification's own baseline says of its captures. */
const BASELINE: readonly (readonly [number, string, string, CommunityTuple['ports'], string])[] = [
  [58, 'fe80::200:86ff:fe05:80da', 'fe80::260:97ff:fe07:69ea', [135, 136], '1:dGHyGvjMfljg6Bppwm3bg0LO8TY='],
  [58, 'fe80::260:97ff:fe07:69ea', 'fe80::200:86ff:fe05:80da', [136, 135], '1:dGHyGvjMfljg6Bppwm3bg0LO8TY='],
  [58, 'fe80::260:97ff:fe07:69ea', 'fe80::200:86ff:fe05:80da', [135, 136], '1:zavyT/cezQr1fmImYCwYnMXbgck='],
  [58, 'fe80::200:86ff:fe05:80da', 'fe80::260:97ff:fe07:69ea', [136, 135], '1:zavyT/cezQr1fmImYCwYnMXbgck='],
  [58, '3ffe:501:1800:2345::2', '3ffe:507:0:1:200:86ff:fe05:80da', [3, 0], '1:2ObVBgIn28oZvibYZhZMBgh7WdQ='],
  [58, '3ffe:501:410:0:2c0:dfff:fe47:33e', '3ffe:507:0:1:200:86ff:fe05:80da', [1, 4], '1:hLZd0XGWojozrvxqE0dWB1iM6R0='],
  [58, '3ffe:507:0:1:200:86ff:fe05:80da', '3ffe:501:0:1001::2', [128, 129], '1:+TW+HtLHvV1xnGhV1lv7XoJrqQg='],
  [58, '3ffe:501:0:1001::2', '3ffe:507:0:1:200:86ff:fe05:80da', [129, 128], '1:+TW+HtLHvV1xnGhV1lv7XoJrqQg='],
  [58, 'fe80::200:86ff:fe05:80da', 'ff02::2', [133, 134], '1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0='],
  [58, 'fe80::260:97ff:fe07:69ea', 'ff02::1', [134, 133], '1:pkvHqCL88/tg1k4cPigmZXUtL00='],
  [1, '192.168.0.89', '192.168.0.1', [8, 0], '1:X0snYXpgwiv9TZtqg64sgzUn6Dk='],
  [1, '192.168.0.1', '192.168.0.89', [0, 8], '1:X0snYXpgwiv9TZtqg64sgzUn6Dk='],
  [1, '10.0.0.1', '10.0.0.2', [11, 0], '1:YHxtAirCG//0OzkcVAukqKQN9xM='],
  [6, '2001:470:e5bf:dead:4957:2174:e82c:4887', '2607:f8b0:400c:c03::1a', [63943, 25], '1:/qFaeAR+gFe1KYjMzVDsMv+wgU4='],
  [6, '2607:f8b0:400c:c03::1a', '2001:470:e5bf:dead:4957:2174:e82c:4887', [25, 63943], '1:/qFaeAR+gFe1KYjMzVDsMv+wgU4='],
  [132, '192.168.170.8', '192.168.170.56', [7, 7], '1:MP2EtRCAUIZvTw6MxJHLV7N7JDs='],
  [132, '192.168.170.56', '192.168.170.8', [7, 7], '1:MP2EtRCAUIZvTw6MxJHLV7N7JDs='],
  [6, '128.232.110.120', '66.35.250.204', [34855, 80], '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
  [6, '66.35.250.204', '128.232.110.120', [80, 34855], '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
  [17, '192.168.1.52', '8.8.8.8', [54585, 53], '1:d/FP5EW3wiY1vCndhwleRRKHowQ='],
  [17, '8.8.8.8', '192.168.1.52', [53, 54585], '1:d/FP5EW3wiY1vCndhwleRRKHowQ='],
  [46, '10.1.12.1', '10.1.12.2', undefined, '1:KHlLkgoJW7ifUTyTSgyVfkFHzKw='],
  [46, '10.1.12.2', '10.1.12.1', undefined, '1:KHlLkgoJW7ifUTyTSgyVfkFHzKw='],
];

test.each(BASELINE)('protocol %i from %s to %s, %j', (protocol, src, dst, ports, expected) => {
  expect(communityId({ protocol, src, dst, ...(ports === undefined ? {} : { ports }) }, sha1)).toBe(expected);
});

function flow(proto: string, src: string, sport: number, dst: string, dport: number): FlowId {
  return { proto, src, sport, dst, dport };
}

describe('a flow as reports name it', () => {
  test.each([
    [flow('tcp', '66.35.250.204', 80, '128.232.110.120', 34855), '1:LQU9qZlK+B5F3KDmev6m5PMibrg='],
    [flow('udp', '8.8.8.8', 53, '192.168.1.52', 54585), '1:d/FP5EW3wiY1vCndhwleRRKHowQ='],
    [flow('sctp', '192.168.170.8', 7, '192.168.170.56', 7), '1:MP2EtRCAUIZvTw6MxJHLV7N7JDs='],
    [flow('46', '10.1.12.1', 0, '10.1.12.2', 0), '1:KHlLkgoJW7ifUTyTSgyVfkFHzKw='],
  ])('%j', (id, expected) => {
    expect(communityIdOf(id, undefined, sha1)).toBe(expected);
  });

  // The reports name an echo by its identifier, the specification by its types: who asks makes the difference.
  test('an echo takes its types from the direction of the requests', () => {
    const ping = flow('icmp', '192.168.0.1', 77, '192.168.0.89', 77);
    expect(communityIdOf(ping, 'reverse', sha1)).toBe('1:X0snYXpgwiv9TZtqg64sgzUn6Dk=');
    expect(communityIdOf(ping, 'forward', sha1)).not.toBe('1:X0snYXpgwiv9TZtqg64sgzUn6Dk=');
    expect(communityIdOf(ping, undefined, sha1)).toBeUndefined();
    const ping6 = flow('icmp6', '3ffe:501:0:1001::2', 5, '3ffe:507:0:1:200:86ff:fe05:80da', 5);
    expect(communityIdOf(ping6, 'reverse', sha1)).toBe('1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=');
  });

  test('ports that the specification does not count make no difference', () => {
    const [one, other] = [flow('dccp', '10.0.0.1', 1, '10.0.0.2', 2), flow('33', '10.0.0.1', 0, '10.0.0.2', 0)];
    expect(communityIdOf(one, undefined, sha1)).toBe(communityIdOf(other, undefined, sha1));
  });

  test.each(['::', '::1', '1::', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4'])('%s is a whole address', (src) => {
    const lengths: number[] = [];
    communityIdOf(flow('tcp', src, 1, 'ff::', 2), undefined, (bytes) => {
      lengths.push(bytes.length);
      return '';
    });
    expect(lengths).toEqual([2 + 16 + 16 + 2 + 4]);
  });
});

test('every listed violation that can have an identifier has it', () => {
  const listed = (id: FlowId) => ({ ...group(), flow: id, observations: [] });
  const violations = [
    listed(flow('tcp', '66.35.250.204', 80, '128.232.110.120', 34855)),
    listed(flow('icmp', '10.0.0.1', 0, '10.0.0.2', 0)),
  ];
  const named = withCommunityIds(evidenceOf([epoch([1, 1])], [], { violations }));
  expect(named.violations.map((violation) => violation.flow.communityId)).toEqual(['1:LQU9qZlK+B5F3KDmev6m5PMibrg=', undefined]);
});
