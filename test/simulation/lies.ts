/** What a worker writes that lies, or is broken. */
import { native } from '../../src/addon/native.ts';
import { frame } from '../../src/protocol/framing.ts';
import { KIND, PROTOCOL_VERSION } from '../../src/protocol/schema.ts';
import type { SimulatedMember, SimulatedProcess } from './process.ts';
import type { Lie } from './scenario.ts';

const OBSERVATION = {
  src: '203.0.113.1',
  dst: '203.0.113.2',
  srcPort: 1,
  dstPort: 2,
  protocol: 17,
  stack: 'ipv4/udp',
  kernelKey: 99,
  marks: 0,
  packets: 1,
  bytes: 60,
  firstNs: 1,
  lastNs: 2,
  content: 0,
  datagram: 0,
};

const counters = (finished: boolean): readonly unknown[] => [
  KIND.counters,
  [5, 0, 0, 5, 500, 0, 5, 0, 1, 1, 0, 0, 0, finished, [], [], [0, 0, 0, 0, 0, 0]],
];

/** False if there was no opportunity. */
export function tellLie(lie: Lie, process: SimulatedProcess, member: SimulatedMember): boolean {
  const { index } = process;
  const write = (bytes: Buffer): boolean => {
    member.write(bytes);
    return true;
  };
  const message = (fields: readonly unknown[]): boolean => write(frame(native.encodeMessage(fields)));
  const batch = (of: number, epoch: number): Buffer => native.encodeObservations(of, epoch, [OBSERVATION]);
  switch (lie) {
    case 'garbage':
      return write(Buffer.alloc(300, 0xfe));
    case 'an empty frame':
      return write(Buffer.alloc(4));
    case 'a frame too long':
      return write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 1]));
    case 'half a frame':
      write(frame(batch(index, 0)).subarray(0, 20));
      process.stop();
      return true;
    case 'a batch cut short':
      return write(frame(batch(index, member.epoch).subarray(0, 30)));
    case 'a batch of another member':
      return write(frame(batch(index + 1, member.epoch)));
    case 'a batch of an epoch beyond counting':
      return write(frame(batch(index, 0x10000)));
    case 'a batch of an epoch that nobody announced':
      return write(frame(batch(index, member.epoch + 3)));
    case 'a second hello':
      return message([KIND.hello, PROTOCOL_VERSION, index, 1]);
    case 'armed again':
      return message([KIND.armed]);
    case 'an unknown kind':
      return message([77, 1]);
    case 'counters of the wrong shape':
      return message([KIND.counters, [1, 2, 3]]);
    case 'finished, unasked':
      return message(counters(true));
    case 'observations told twice':
      return member.repeatBatch();
    case 'more judged than told':
      member.exaggerate();
      return true;
    case 'a failure':
      return message([KIND.failed, 'epoch', 'read', 5, 'Input/output error']);
    case 'an untimely joined':
      return message([KIND.joined, 9, 0, 0]);
    case 'its end, in order':
      process.die('exit status 0', true, 0);
      return true;
  }
}
