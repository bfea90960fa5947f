import { expect, test } from 'vitest';
import { rowsOf } from '../../../bench/steering-rows.ts';

test('what a mode costs is told above mode cpu, repetition by repetition', () => {
  const rows = rowsOf({
    modes: [
      { traffic: 'plain', mode: 'cpu', ns: [1000, 1100] },
      { traffic: 'plain', mode: 'hash', ns: [1100, 1250] },
    ],
    runs: [{ packet: 'IPv4 TCP', addresses: 21, ports: 26 }],
  });
  expect(rows).toEqual([
    { kind: 'measured', group: 'steering, plain', name: 'mode cpu, the whole way', unit: 'ns/packet', samples: [1000, 1100] },
    { kind: 'measured', group: 'steering, plain', name: 'hash, above cpu', unit: 'ns/packet', samples: [100, 150] },
    { kind: 'measured', group: 'steering program alone, warm', name: 'IPv4 TCP, addresses', unit: 'ns/packet', samples: [21] },
    { kind: 'measured', group: 'steering program alone, warm', name: 'IPv4 TCP, ports', unit: 'ns/packet', samples: [26] },
  ]);
});
