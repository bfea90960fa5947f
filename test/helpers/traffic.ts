/** Generated traffic, packet by packet, as the independent look sees it. */
import { readTag } from '../../src/traffic/tag.ts';
import type { Traffic } from '../../src/traffic/traffic.ts';
import { lookAt, type Seen } from './wire.ts';

export interface Packet {
  readonly seen: Seen;
  readonly bytes: number;
  readonly tag: NonNullable<ReturnType<typeof readTag>>;
}

export function framesOf({ frames, offsets }: Pick<Traffic, 'frames' | 'offsets'>): readonly Uint8Array[] {
  return Array.from({ length: offsets.length - 1 }, (_, i) => frames.subarray(offsets[i], offsets[i + 1]));
}

export function packetsOf(traffic: Traffic): readonly Packet[] {
  return framesOf(traffic).map((frame, i) => {
    const tagAt = traffic.tags[i] ?? 0;
    const tag = readTag(frame, tagAt);
    if (tag === undefined) throw new Error(`frame ${i} has no tag at ${tagAt}`);
    return { seen: lookAt(frame), bytes: frame.length, tag };
  });
}
