/** Whole sentences of findings that tests of decisions do not read. */
import { expect, test } from 'vitest';
import { say } from '../../../../src/collector/words/say.ts';
import { type Finding, finding } from '../../../../src/model/finding.ts';

/** Message and remedy, as a report has them. */
function spoken(...findings: readonly Finding[]): string {
  return findings
    .map(say)
    .map(({ message, remedy }) => (remedy === undefined ? message : `${message}\n  -> ${remedy}`))
    .join('\n');
}

test('a signal ended something', () => {
  const again = 'run again, and let it end by itself';
  const ended = (
    [
      ['before-mode-tested', 'before this mode was tested'],
      ['while-mode-tested', 'while this mode was tested: its row is about a part of the traffic'],
      ['before-mode-measured', 'before this mode was measured'],
      ['before-size-measured', 'before this size was measured'],
      ['while-size-measured', 'while this size was measured'],
      ['before-all-changes', 'before all changes were made'],
      ['before-all-traffic', 'before all traffic had been sent'],
    ] as const
  ).map(([when, text]) => [say(finding('interrupted', { when })), { message: `ended by a signal ${text}`, remedy: again }]);
  for (const [said, expected] of ended) expect(said).toEqual(expected);
  expect(spoken(finding('interrupted', { when: 'before-all-modes-tested', modes: 3 }))).toBe(
    'ended by a signal before all of 3 modes had been tested, so none of them can be recommended\n  -> run again and let it end by itself, or compare fewer modes (--modes)',
  );
});

test('a survey that does not add up', () => {
  const classes = ['arp', 'ipv4-tcp', 'ipv4-udp', 'ipv6-tcp', 'vxlan'];
  expect(
    spoken(
      finding('accounting-mismatch', { kind: 'classes', classes, of: 39 }),
      finding('accounting-mismatch', { kind: 'strays', flows: 2 }),
    ),
  ).toMatchInlineSnapshot(`
    "packets of 5 of 39 classes (arp, ipv4-tcp, ipv4-udp, ipv6-tcp and 1 more) were sent, but not all of them found among their flows
      -> run again; if it persists, report it: packets were misread
    2 flows that nobody had sent were seen in the lab
      -> run again; if it persists, report it: the traffic was misread"
  `);
});

test('a prediction', () => {
  expect(
    spoken(
      finding('evidence-lost', { packets: 7 }),
      finding('mostly-one-way', { oneWay: 9, total: 10, isOfFile: true }),
      finding('capture-unfinished', { name: 'a.pcap', records: 12 }),
    ),
  ).toMatchInlineSnapshot(`
    "7 packets belong to flows for which there was no room; they are not judged
      -> give it a part of the capture at a time (editcap -c)
    9 of 10 flows were seen in one direction only and prove nothing about the other
      -> capture where both directions pass
    a signal ended the reading of a.pcap; only the 12 packets before it count
      -> let it end by itself for an answer about all of it"
  `);
});

test('churn', () => {
  const leave = { kind: 'leave', slot: 2 } as const;
  expect(
    spoken(
      finding('no-flows', { change: { kind: 'link-flap' } }),
      finding('unexpected-share', { change: leave, flows: 1000, stayedShare: 0.5, expectedShare: 0.25 }),
      finding('unexpected-share', { change: { kind: 'join', slot: 3 }, flows: 1000, stayedShare: 0.5, expectedShare: 0.25 }),
      finding('restart-moves-flows', { procs: 4, losses: 1, least: { slot: 2, share: 0.125 }, most: { slot: 2, share: 0.125 } }),
      finding('restart-moves-flows', { procs: 4, losses: 2, least: { slot: 3, share: 0.1 }, most: { slot: 0, share: 0.4 }, joins: 0.5 }),
      finding('link-flap-reorders', {}),
      finding('link-flap-reorders', { movedShare: 0.4 }),
      finding('lost-member', { index: 1, pid: 70, end: 'lost while capturing: signal SIGSEGV' }),
      finding('lost-member', { index: 1, pid: 70, end: 'lost while capturing: signal SIGKILL' }),
      finding('disturbed', {}),
      finding('disturbed', { change: 'cap0 was down and came up again' }),
    ),
  ).toMatchInlineSnapshot(`
    "no flow was seen both before and after link down and up
    50.0 % of 1,000 flows stayed where they were at the loss of the member in slot 2; by the kernel's code 25.0 % should
      -> run again with more --flows; if it persists, this kernel keeps its members in another order than af_packet.c up to Linux 7.3
    50.0 % of 1,000 flows stayed where they were at the arrival of a member; by the kernel's code 25.0 % should
      -> run again with more --flows; if it persists, this kernel keeps its members in another order than af_packet.c up to Linux 7.3
    when one of 4 processes ends, 12.5 % of the flows of the others move to another process: each picks up flows in the middle and loses what it knew of those it had
      -> restart the whole group at a quiet hour rather than one worker; a supervisor that restarts single workers (Zeek: each is a process; Suricata: threads come and go together) costs detections twice
    when one of 4 processes ends, 10.0 % (slot 3) to 40.0 % (slot 0) of the flows of the others move to another process, and when it comes back 50.0 % move again: each picks up flows in the middle and loses what it knew of those it had
      -> restart the whole group at a quiet hour rather than one worker; a supervisor that restarts single workers (Zeek: each is a process; Suricata: threads come and go together) costs detections twice
    link down and up left every flow on its process: the members had joined in the order in which their sockets were made
      -> keep the link up (a media converter, a switch port without spanning tree), or restart all workers after it was down
    link down and up moved 40.0 % of all flows: the kernel then links members in the order in which their sockets were made, and since a process was replaced that is not the order in which they joined
      -> keep the link up (a media converter, a switch port without spanning tree), or restart all workers after it was down
    worker 1 (pid 70), which was not to be killed, was lost while capturing: signal SIGSEGV; the changes from then on were not measured
      -> find out what ended it, and run again
    worker 1 (pid 70), which was not to be killed, was lost while capturing: signal SIGKILL; the changes from then on were not measured
      -> something killed it: usually the out-of-memory killer (see the kernel log); then use fewer --procs or a smaller --ring-size
    the group changed at another moment than it was made to (nobody knows why); the changes from then on were not measured
      -> see that nothing else joins the group or touches the interface, and run again
    the group changed at another moment than it was made to (cap0 was down and came up again); the changes from then on were not measured
      -> see that nothing else joins the group or touches the interface, and run again"
  `);
});

test('a start under traffic', () => {
  const counts = { flows: 100, split: 7, splitShare: 0.07, strayPackets: 21, copies: 3, lastStrayAfterMs: 41.7 };
  expect(spoken(finding('no-race-seen', {}), finding('start-race', counts), finding('judge-later', {}))).toMatchInlineSnapshot(`
    "no flow had packets on two processes: the group was complete before the next packet of any flow came
      -> send faster (--rate), more flows (--flows) or use more processes (--procs)
    7 of 100 flows (7.0 %) had packets on more than one process in the first 42 ms: a socket that is bound and has not joined gets a copy of every packet (3 copies here), and each process that joins moves flows of those before it (21 packets on processes that do not have the flow any more)
      -> after a restart of a sensor expect wrong-thread and midstream flows until those under way have ended; start it while the link is down or traffic is held back, or give all sockets a filter that drops everything until the last has joined
    a test that counts from the start blames the kernel for these
      -> count packets only that are stamped after the last join, as the orderly start does"
  `);
});

test('what testing several groups at once may have done', () => {
  expect(
    spoken(
      finding('own-load', { groups: 3, kind: 'above', lossFreeRate: 10_000.4, packetsPerSecond: 11_999.6 }),
      finding('own-load', { groups: 3, kind: 'unmeasured', command: ['compare', '--measure-load', '3'] }),
      finding('own-load', {
        groups: 3,
        kind: 'drops',
        dropping: [
          { mode: 'hash', flags: ['defrag'] },
          { mode: 'qm', flags: [] },
        ],
      }),
    ),
  ).toMatchInlineSnapshot(`
    "testing 3 groups at once went without loss up to 10,000 packets/s here, and this traffic had 12,000: answers may show the load of the test
      -> compare fewer modes at a time (--modes), fewer packets (--filter), or give rings more memory (--ring-size)
    what 3 groups at once cost this machine could not be measured
      -> see what this says: fanout-cluster compare --measure-load 3
    packets were dropped in hash+defrag, qm, perhaps for the load of 3 groups
      -> compare fewer modes at a time (--modes), fewer packets (--filter), or give rings more memory (--ring-size)"
  `);
});
