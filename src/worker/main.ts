/**
 * One member of each group under test, of one group as a rule: opens, joins, captures and tells, each when the collector says so. Ends with
 * the collector.
 */
import { existsSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { isSystemCallError } from '../errors.ts';
import { type CaptureOptions, native } from '../native.ts';
import { Deframer, frame, socketPathOf } from '../protocol/framing.ts';
import { PROTOCOL_VERSION, packWorkerMessage, parseCollectorMessage, type WorkerMessage } from '../protocol/schema.ts';
import { Member } from './member.ts';

const [socketDirectory, memberIndex, collectorPid, groupCount] = process.argv.slice(2);

if (socketDirectory === undefined || memberIndex === undefined || collectorPid === undefined || groupCount === undefined) {
  process.stderr.write('this program is started by fanout-cluster\n');
  process.exit(70);
}

// What ps(1) shows; its program may be known by a descriptor only.
process.title = `fanout-cluster worker ${memberIndex}`;

// A terminal, timeout(1) and a service manager send their signals to all processes of the program at once; the collector alone decides when a
// member goes. It says so, or it ends, or it sends SIGKILL.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => {});
let isOpen = false;
// Until it is told to open, a worker may have to tidy up after a collector that was killed, so it wants no more than to be woken, should
// it be stopped. Afterwards it holds a share of the packets, and the kernel must end it whatever state it is in.
endWithCollector(constants.signals.SIGCONT);

let membersLeft = Number(groupCount);
let groupsToOpen = Number(groupCount);
for (let group = 0; group < Number(groupCount); group += 1) takePart(socketPathOf(socketDirectory, group));

/** As a member of the group whose collector listens there. */
function takePart(socketPath: string): void {
  whenThere(socketPath, () => {
    const socket = connect(socketPath);
    const send = (message: WorkerMessage): void => {
      socket.write(frame(native.encodeMessage(packWorkerMessage(message))));
    };
    const member = new Member(socket, send);
    const deframer = new Deframer();
    socket.on('connect', () => send({ kind: 'hello', version: PROTOCOL_VERSION, member: Number(memberIndex), pid: process.pid }));
    socket.on('data', (chunk: Buffer) => deframer.push(chunk, (bytes) => obey(member, bytes)));
    // Without a collector there is nobody to tell. What went wrong does not matter: `close` follows.
    socket.on('error', () => {});
    socket.on('close', end);
  });
}

// The collector listens when it has forked the last worker, so the first ones wait for it: by a sixteenth longer than needed at the most.
// Looking every 2 ms, hundreds of them would take the CPUs away from those that still have to boot.
function whenThere(socketPath: string, begin: () => void): void {
  if (existsSync(socketPath)) return begin();
  if (isOrphan()) return end();
  setTimeout(() => whenThere(socketPath, begin), Math.max(2, process.uptime() * (1000 / 16)));
}

function isOrphan(): boolean {
  return process.ppid !== Number(collectorPid);
}

function obey(member: Member, bytes: Buffer): void {
  const message = parseCollectorMessage(native.decodeMessage(bytes));
  if (message.kind === 'open') {
    isOpen = true;
    endWithCollector(constants.signals.SIGKILL);
  }
  if (message.kind === 'leave') return leave();
  member.obey(message);
  if (message.kind === 'open') confineWhenAllIsOpen(message.capture);
}

/** From then on packets of others come in: whatever they make of this process may use what it holds, and reach nothing more. */
function confineWhenAllIsOpen({ labTags, replayed }: CaptureOptions): void {
  groupsToOpen -= 1;
  if (groupsToOpen !== 0) return;
  // In the lab nobody else's packets are to be had, and `scale` looks at the memory of its workers.
  const isLive = !labTags && !replayed;
  try {
    if (isLive) native.hideFromUser();
    native.refuseOpening();
  } catch (error) {
    // A kernel without such filters. There is no privilege left all the same.
    if (!isSystemCallError(error)) throw error;
  }
}

/** All groups at once, when the last has been told: a member that left alone would move flows of its group. */
function leave(): void {
  membersLeft -= 1;
  // Everything was told; N processes that each take their runtime apart would keep the operator waiting.
  if (membersLeft === 0) native.exitNow(0);
}

function endWithCollector(signal: number): void {
  if (!native.signalAtParentsEnd(signal, Number(collectorPid))) end();
}

function end(): void {
  if (isOpen) process.exit(0);
  // A process that is killed closes its sockets a moment before it is gone; one that lives takes care of its directory itself.
  const patienceMs = 1000;
  const giveUpMs = performance.now() + patienceMs;
  setInterval(() => {
    if (isOrphan()) removeDirectory(String(socketDirectory));
    if (isOrphan() || performance.now() > giveUpMs) process.exit(0);
  }, 2);
}

function removeDirectory(directory: string): void {
  if (basename(directory).startsWith('fanout-cluster-')) rmSync(directory, { recursive: true, force: true });
}
