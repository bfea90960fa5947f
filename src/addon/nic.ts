/** A simulated NIC: frames in, receive queues out. */

export type InputTransform = 'none' | 'symmetric-xor' | 'symmetric-or-xor';

/** A kind of flow, as ethtool names it. */
export type FlowKind = 'tcp4' | 'udp4' | 'sctp4' | 'tcp6' | 'udp6' | 'sctp6';

export interface NicSettings {
  /** Of 40 bytes or more, of which the first 40 are used. */
  readonly key: Uint8Array;
  readonly transform: InputTransform;
  /** Kinds of flow whose ports are hashed beside their addresses. */
  readonly ports: readonly FlowKind[];
  /** Indirection table: the queue of each remainder of the hash. */
  readonly table: Uint16Array;
}

/** Receive-side scaling. */
export interface Nic {
  /** The receive queue of each frame. Frame i is bytes offsets[i] to offsets[i + 1]. */
  spread(frames: Uint8Array, offsets: Uint32Array): Uint16Array;
}

export interface NicAddon {
  readonly Nic: new (settings: NicSettings) => Nic;
}
