/** One member of the group: opens, joins, captures and tells, each when the collector says so. Ends with the collector. */
import { connect } from 'node:net';
import { native } from '../native.ts';
import { Deframer, frame } from '../protocol/framing.ts';
import { PROTOCOL_VERSION, packWorkerMessage, parseCollectorMessage, type WorkerMessage } from '../protocol/schema.ts';
import { Member } from './member.ts';

const [socketPath, memberIndex, collectorPid] = process.argv.slice(2);

if (socketPath === undefined || memberIndex === undefined || collectorPid === undefined) {
  process.stderr.write('this program is started by fanout-cluster\n');
  process.exit(70);
}

// A terminal sends its signals to all processes in the foreground; the collector alone decides when a member goes.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
if (!native.dieWithParent(Number(collectorPid))) process.exit(0);

const socket = connect(socketPath);
const send = (message: WorkerMessage): void => {
  socket.write(frame(native.encodeMessage(packWorkerMessage(message))));
};
const member = new Member(socket, send);
const deframer = new Deframer();

socket.on('connect', () => send({ kind: 'hello', version: PROTOCOL_VERSION, member: Number(memberIndex), pid: process.pid }));
socket.on('data', (chunk: Buffer) => deframer.push(chunk, (bytes) => member.obey(parseCollectorMessage(native.decodeMessage(bytes)))));
// Without a collector there is nobody to tell.
socket.on('error', () => process.exit(0));
socket.on('close', () => process.exit(0));
