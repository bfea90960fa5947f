import { expect, test } from 'vitest';
import { capabilitiesLacking } from '../../../src/lab/namespace.ts';

test.each([
  // Of Docker, as `docker run` gives them to root.
  ['00000000a80425fb', ['NET_ADMIN', 'SYS_ADMIN']],
  ['00000000a80425fb'.replace('a80425', 'a82425'), ['NET_ADMIN']],
  ['000001ffffffffff', []],
  ['0000000000000000', ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN']],
])('capabilities %s', (effective, lacking) => {
  expect(capabilitiesLacking(`Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${effective}\nCapBnd:\t000001ffffffffff\n`)).toEqual(
    lacking,
  );
});
