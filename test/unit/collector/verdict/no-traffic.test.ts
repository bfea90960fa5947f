/** What is said where nothing came: facts before guesses, and no remedy for what was not asked for. */
import { describe, expect, test } from 'vitest';
import { remedyForEnd } from '../../../../src/collector/words/ends.ts';
import type { LinkState } from '../../../../src/model/link.ts';
import type { RunFacts } from '../../../../src/model/run-facts.ts';
import { epoch, evidenceOf, factsOf, group, member } from '../../../helpers/evidence.ts';
import { findDoubts, judge, noTrafficText } from '../../../helpers/worded.ts';

const quiet: LinkState = { running: true, rxPackets: 500, txPackets: 70 };
const nothing = evidenceOf([epoch([0, 0])]);
const LIVE: Partial<RunFacts> = { source: 'live', interface: 'ens1', narrowedBy: { filter: false, noPromisc: false }, stop: 'time' };

function why(after: Partial<LinkState>, change: Partial<RunFacts> = {}): string {
  const link = { before: quiet, after: { ...quiet, ...after } };
  const { message = '', remedy } = noTrafficText(factsOf(nothing, { ...LIVE, link, ...change }));
  return `${message} -> ${remedy}`;
}

describe('why nothing came', () => {
  test.each<[string, Partial<LinkState>, Partial<RunFacts>, RegExp]>([
    ['nothing arrives', {}, {}, /^ens1 received nothing meanwhile.* -> see whether the mirror or tap/],
    ['no carrier', { running: false }, {}, /^ens1 has no carrier -> connect it/],
    [
      'packets that go elsewhere',
      { rxPackets: 2300 },
      {},
      /^ens1 received 1,800 packets meanwhile, and none reached.* -> see what takes them first/,
    ],
    ['XDP in the driver', { rxPackets: 2300, xdp: { program: 101, isGeneric: false } }, {}, /: XDP program 101 is attached.*ens1 xdp off/],
    [
      'XDP in the stack, which may come before the counter',
      { xdp: { program: 7, isGeneric: true } },
      {},
      /received nothing .* program 7 .*xdpgeneric off/,
    ],
    [
      'a filter',
      { rxPackets: 501 },
      { narrowedBy: { filter: true, noPromisc: false } },
      /1 packet meanwhile.*: --filter refused it -> run without --filter/,
    ],
    ['a macvlan', { kind: 'macvlan', mode: 'vepa' }, {}, /macvlan in mode vepa gets only frames for its own address/],
    [
      'a macvlan in passthru is like the device',
      { kind: 'macvlan', mode: 'passthru' },
      {},
      /received nothing meanwhile, by the kernel's own counter -> see/,
    ],
    ['an ipvlan', { kind: 'ipvlan', mode: 'l2' }, {}, /ipvlan gets only packets for its own addresses/],
    [
      '--no-promisc',
      {},
      { narrowedBy: { filter: false, noPromisc: true } },
      /--no-promisc has the NIC refuse .* -> run without --no-promisc/,
    ],
    [
      '--ignore-outgoing, and this host sent',
      { txPackets: 100 },
      { flags: ['ignore-outgoing'] },
      /^this host sent 30 packets .* -> run without --ignore-outgoing/,
    ],
    [
      '--ignore-outgoing on an ifb, which counts as received what sockets see as sent',
      { rxPackets: 2500, kind: 'ifb' },
      { flags: ['ignore-outgoing'] },
      /^2,000 packets went to ens1 meanwhile; .* --ignore-outgoing leaves that out -> run without --ignore-outgoing/,
    ],
    ['--ignore-outgoing, and this host sent nothing', {}, { flags: ['ignore-outgoing'] }, /^ens1 received nothing/],
  ])('%s', (_, after, change, expected) => {
    expect(why(after, change)).toMatch(expected);
  });

  test('nobody could look: only what was asked for is suspected', () => {
    expect(noTrafficText(factsOf(nothing, LIVE))).toEqual({ remedy: 'look whether traffic arrives ("ip -s link show ens1")' });
    const narrowed = factsOf(nothing, { ...LIVE, narrowedBy: { filter: true, noPromisc: true } });
    expect(noTrafficText(narrowed).remedy).toMatch(/, whether --filter refuses it and whether --no-promisc hides it$/);
    expect(noTrafficText(factsOf(nothing, { ...LIVE, flags: ['ignore-outgoing'] })).remedy).toBe('run without --ignore-outgoing');
  });
});

test('where processes were lost that is said before what did not come', () => {
  const members = [member(0, 0, { end: 'signal SIGSEGV' }), member(1, 0)];
  const [first, second] = findDoubts(nothing, factsOf(nothing, { ...LIVE, members }));
  expect([first?.code, second?.code]).toEqual(['lost-member', 'no-traffic']);
});

test('one direction under --ignore-outgoing: the flag is named first', () => {
  const evidence = evidenceOf([epoch([0, 0])], [], {
    flows: { ...evidenceOf([epoch([5])]).flows, total: 5, twoWay: 0, oneWay: 5, consistent: 0 },
  });
  const packets = { captured: 20, judged: 20, dropped: 0, overflowed: 0, outgoing: 0, ignored: {} };
  const [doubt] = findDoubts(evidence, factsOf(evidence, { ...LIVE, flags: ['ignore-outgoing'], packets }));
  expect(doubt).toMatchObject({ code: 'no-two-way-flows', remedy: expect.stringMatching(/^run without --ignore-outgoing: /) });
});

describe('what ended a process', () => {
  test.each([
    ['exit status 1: Error: pthread_create: Resource temporarily unavailable', /threads may be started.*pids\.max/],
    ['could not be started: spawn node EAGAIN', /pids\.max/],
    ['exit status 1: EMFILE: too many open files', /ulimit -n/],
    ['signal SIGABRT: FATAL ERROR: JavaScript heap out of memory', /no more memory/],
    ['signal SIGKILL', /out-of-memory killer/],
    ['no sign of life for 1000 ms', /--worker-timeout/],
  ])('%s', (end, expected) => expect(remedyForEnd(end)).toMatch(expected));

  test.each(['signal SIGSEGV', 'exit status 70', 'it sent nonsense'])(
    '%s: nothing is supposed, least of all the out-of-memory killer',
    (end) => {
      expect(remedyForEnd(end)).toBeUndefined();
      const members = [member(0, 360, { end }), member(1, 360)];
      const evidence = evidenceOf([epoch([60, 60])]);
      const doubt = findDoubts(evidence, factsOf(evidence, { ...LIVE, members })).find(({ code }) => code === 'lost-member');
      expect(doubt?.remedy).toBe('what a lost process had captured last is unknown, so run again');
    },
  );
});

describe('packets that this host sent', () => {
  const warningOf = (outgoing: number, change: Partial<RunFacts> = {}, groups: Parameters<typeof evidenceOf>[1] = []) => {
    const evidence = evidenceOf([epoch([60, 60])], groups);
    const packets = { captured: 720, judged: 720, dropped: 0, overflowed: 0, outgoing, ignored: {} };
    return judge(evidence, factsOf(evidence, { ...LIVE, packets, ...change })).warnings.find(({ code }) => code === 'outgoing-packets');
  };

  test.each([
    ['one direction of the flows, mode hash', warningOf(360)],
    ['all there is, mode hash', warningOf(720)],
    ['all there is, mode qm', warningOf(720, { mode: 'qm' })],
  ])('%s: told, and no advice that ends in nothing', (_, warning) => {
    expect(warning?.message).toContain('sent by this host');
    expect(warning).not.toHaveProperty('remedy');
  });

  test('copies that were received as well, or a mode by queue or CPU: --ignore-outgoing helps', () => {
    const copied = group({ kind: 'duplicated', oneKernelKey: false, flows: 7 });
    expect(warningOf(360, {}, [copied])?.remedy).toContain('--ignore-outgoing');
    expect(warningOf(360, { mode: 'cpu' })?.remedy).toMatch(/--ignore-outgoing .*not where this host is an end or a hop/);
  });
});

describe('devices without receive queues', () => {
  const parted = evidenceOf([epoch([60, 60])], [group({ kind: 'asymmetric', flows: 9 })]);
  const ofLink = (after: Partial<LinkState>, mode: 'qm' | 'cpu', evidence = parted) =>
    judge(evidence, factsOf(evidence, { ...LIVE, mode, link: { before: quiet, after: { ...quiet, ...after } } })).verdict.reasons;

  test.each(['qm', 'cpu'] as const)('mode %s: only hash can be meant, and no ethtool line is given', (mode) => {
    const [reason] = ofLink({ kind: 'veth' }, mode);
    expect(reason?.code).toBe('rss-asymmetric');
    expect(reason?.message).toMatch(/has no receive queues of a NIC, so mode \w+ goes by the (queue|CPU) of whatever sends there/);
    expect(reason?.remedy).toMatch(/^use --mode hash/);
    expect(JSON.stringify(reason)).not.toMatch(/ethtool|ignore-outgoing/);
    const [onOne] = ofLink({ kind: 'bridge' }, mode, evidenceOf([epoch([60, 0])]));
    expect(onOne).toMatchObject({ code: 'one-member', remedy: expect.stringMatching(/use --mode hash/) });
  });

  const lines = (after: Partial<LinkState>) =>
    [...(ofLink(after, 'qm')[0]?.remedy ?? '').replaceAll(/(?:6D:5A:?)+/g, 'KEY').matchAll(/"(ethtool[^"]+)"/g)].map(([, line]) => line);
  const symmetric = ['ethtool -X ens1 hkey KEY', 'ethtool -X ens1 xfrm symmetric-xor'];
  const channels = (used: number, isCombined = true) => ({ channels: { used, most: 8, isCombined } });

  test.each<[string, Partial<LinkState>, readonly string[]]>([
    ['a NIC', { isHardware: true, receiveRings: 8, ...channels(8) }, [...symmetric, 'ethtool -L ens1 combined 1']],
    ['one with queues that only receive', { receiveRings: 8, ...channels(8, false) }, [...symmetric, 'ethtool -L ens1 rx 1']],
    ['one whose number of queues is fixed', { receiveRings: 8 }, symmetric],
    ['one whose driver does not tell how it spreads', { isHardware: true, ...channels(4) }, ['ethtool -L ens1 combined 1']],
    ['one with one queue', { isHardware: true, ...channels(1) }, []],
    ['hardware that tells nothing', { isHardware: true }, []],
    ...['tun', 'wireguard', 'dummy', 'ifb', 'veth', 'bridge', 'bond', 'vlan'].map(
      (kind): [string, Partial<LinkState>, readonly string[]] => [kind, { kind, ...channels(2) }, []],
    ),
    ['loopback', {}, []],
  ])('%s: a line for ethtool only where it can be followed', (_, after, expected) => expect(lines(after)).toEqual(expected));

  test('the key has the length that the NIC takes', () => {
    expect(ofLink({ receiveRings: 8, keyBytes: 52 }, 'qm')[0]?.remedy).toMatch(/hkey (6D:5A:){25}6D:5A"/);
  });

  test('what comes through a bond was received below it', () => {
    expect(ofLink({ kind: 'bond' }, 'qm')[0]).toMatchObject({
      message: expect.stringContaining('ens1 receives through the devices below it'),
      remedy: expect.stringContaining('make RSS symmetric on those'),
    });
  });
});
