/** The collector's side of msgpack. Workers use the addon's: loading this library would delay each of them by 11 ms. */
// Not 'msgpackr', which looks for a native helper: for it /proc/self/exe is opened, and closed in a thread, when its number may be the TAP's.
import { Packr } from 'msgpackr/pack';
import { frame } from './framing.ts';
import { isPlainMessage } from './plain.ts';
import { type CollectorMessage, packCollectorMessage, parseWorkerMessage, type WorkerMessage } from './schema.ts';
import { MalformedMessage } from './values.ts';

// No records: their definitions would be a second, stateful protocol. 64-bit integers arrive as bigint.
const packr = new Packr({ useRecords: false, int64AsType: 'bigint' });

export function encodeFrame(message: CollectorMessage): Buffer {
  return frame(packr.pack(packCollectorMessage(message)));
}

export function decodeWorkerMessage(bytes: Uint8Array): WorkerMessage {
  if (!isPlainMessage(bytes)) throw new MalformedMessage('not one value of msgpack arrays, numbers, text and bytes');
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (cause) {
    throw new MalformedMessage(`not msgpack: ${(cause as Error).message}`, { cause });
  }
  return parseWorkerMessage(value);
}
