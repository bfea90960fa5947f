/** The lab tag in every generated frame: written here, described in native/core/packet/lab_tag.hpp, held together by a test. */

export const LAB_TAG = {
  magic: 0x46434c54,
  bytes: 20,
  flowOffset: 4,
  directionOffset: 8,
  guardKindOffset: 9,
  sequenceOffset: 12,
  guardOffset: 16,
} as const;

/** Which checksum covers the tag, and so what must stand beside the sequence to leave that checksum alone. */
export const GUARD = { complement: 0, crc32c: 1 } as const;
export type Guard = keyof typeof GUARD;

/** By the order of the canonical flow key, as everywhere in this program. */
export const DIRECTION = { forward: 0, reverse: 1 } as const;
export type Direction = keyof typeof DIRECTION;

export interface TagFields {
  readonly flow: number;
  readonly direction: Direction;
  readonly sequence: number;
}

export function readTag(frame: Uint8Array, at: number): TagFields | undefined {
  if (at + LAB_TAG.bytes > frame.length) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset + at, LAB_TAG.bytes);
  if (view.getUint32(0) !== LAB_TAG.magic) return undefined;
  return {
    flow: view.getUint32(LAB_TAG.flowOffset),
    direction: view.getUint8(LAB_TAG.directionOffset) === DIRECTION.forward ? 'forward' : 'reverse',
    sequence: view.getUint32(LAB_TAG.sequenceOffset),
  };
}
