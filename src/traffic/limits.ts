/** How much traffic one run of the lab can have. */

/** Hosts have 16 bits and ports 12: enough for far more flows than one buffer of frames can hold. */
export const FLOWS_MAX = 2 ** 20;
export const PACKETS_PER_FLOW_MAX = 1_000_000;
/** Payload of a data packet, unless something else is asked for. */
export const PAYLOAD_BYTES_MAX = 96;

/** Receive queues of a TAP (MAX_TAP_QUEUES in drivers/net/tun.c). */
export const TAP_QUEUES_MAX = 256;

/** Offsets are 32 bits wide, and one buffer holds all frames. */
const TRAFFIC_BYTES_MAX = 2 ** 31;
/** What the deepest tunnel puts in front of a payload, and more. */
const HEADER_BYTES_MAX = 200;

/** How many frames with payloads up to `payloadMax` fit into one buffer. */
export function framesMax(payloadMax = PAYLOAD_BYTES_MAX): number {
  return Math.floor(TRAFFIC_BYTES_MAX / (payloadMax + HEADER_BYTES_MAX));
}
