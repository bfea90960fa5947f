/** Wireshark's dissectors name the same innermost flow of every packet, but where one of the two does otherwise on purpose. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { compareFlows, differenceText, type OwnCapture, writeOwnCaptures } from '../helpers/flow-comparison.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, testWith } from '../helpers/requirements.ts';

const NEEDED = [program('tshark')];
const scratch = temporaryDirectory();
let captures: readonly OwnCapture[] = [];

beforeAll(() => {
  captures = writeOwnCaptures(scratch.path);
});
afterAll(() => scratch.remove());

function compared(name: string) {
  const capture = captures.find((candidate) => candidate.name === name);
  const { packets, agreed, designed, unexplained } = compareFlows(capture?.path ?? '', capture?.rules);
  return { packets, agreed, designed: Object.fromEntries(designed), unexplained: unexplained.map(differenceText) };
}

for (const name of ['classes', 'mpls-pw-ipv4-tcp', 'mpls-pw-control-ipv4-tcp']) {
  testWith(NEEDED, `whatever the generator makes: ${name}`, {}, () => {
    const { packets, agreed, designed, unexplained } = compared(name);
    expect({ designed, unexplained }).toEqual({ designed: {}, unexplained: [] });
    expect([packets > 0, agreed]).toEqual([true, packets]);
  });
}

testWith(NEEDED, 'packets that the capture cut', {}, () => {
  const { designed, unexplained } = compared('cut');
  expect(unexplained).toEqual([]);
  expect(Object.keys(designed)).toEqual(['tshark wants a whole header of SCTP']);
});

testWith(NEEDED, 'every sample of the dissector, and each tunnel in each', {}, () => {
  const { packets, agreed, unexplained } = compared('samples');
  expect(unexplained).toEqual([]);
  expect(packets).toBeGreaterThan(5000);
  expect(agreed / packets).toBeGreaterThan(0.85);
});

testWith(NEEDED, 'a packet of every link type', {}, () => {
  const { packets, agreed, unexplained } = compared('links');
  expect(unexplained).toEqual([]);
  expect(packets).toBeGreaterThan(70);
  expect(agreed / packets).toBeGreaterThan(0.75);
});

testWith(NEEDED, 'a difference where tshark is made to look elsewhere: the tests above can fail', {}, () => {
  const { unexplained } = compareFlows(join(scratch.path, 'classes.pcap'), ['udp.port==4789,geneve']);
  expect(unexplained.length).toBeGreaterThan(0);
  expect(unexplained.map(({ ours }) => ours[0]?.stack).every((stack) => stack?.includes('vxlan'))).toBe(true);
});
