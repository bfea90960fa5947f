/** Batches of observations, as a capture thread writes them. */

/** What one member saw of one direction of one flow, for those who make it up. Integers may be numbers or bigints; times count from the start. */
export interface ObservationInput {
  /** IPv4 or IPv6, as text; `dst` of the same family. */
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** Layers by name, outermost first: `vlan/ipv4/tcp` (native/core/packet/stack.hpp). */
  readonly stack: string;
  readonly kernelKey: bigint | number;
  /** 1: IPv6 flow label, 2: fragment, 4: stale octets, 8: echo request, 16: ICMP error about the flow, 32: sent tagged (native/core/packet/dissect.hpp). */
  readonly marks: number;
  /** Digest of flow label, VLAN ids and GRE key (native/core/packet/tag_digest.hpp); absent or 0: none of them, 65535: packets differ. */
  readonly tags?: number;
  /** At least 1, or the flow map refuses the message, except of a datagram. */
  readonly packets: bigint | number;
  readonly bytes: bigint | number;
  readonly firstNs: bigint | number;
  readonly lastNs: bigint | number;
  /** Mark of the least packet (native/core/packet/content.hpp); 0: nobody looked. */
  readonly content: number;
  /** Digest of a fragmented datagram (native/core/wire/observation.hpp); 0: of none. */
  readonly datagram: bigint | number;
}

export interface ObservationsAddon {
  /** A batch as a capture thread writes it, for FlowMap.ingest; no frame length in front. Throws TypeError or RangeError for a wrong value. */
  encodeObservations(member: number, epoch: number, observations: readonly ObservationInput[]): Buffer;
}
