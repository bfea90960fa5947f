/** What decides the receive queue and the CPU of the packets of a device. */
export type Spreading =
  /** A NIC, by a hash. */
  | {
      readonly kind: 'nic';
      /** Of the key of that hash; absent where nobody can tell. */
      readonly keyBytes?: number;
      readonly queues?: QueueSetting;
    }
  /** A driver that does not tell how it does so. */
  | { readonly kind: 'untold'; readonly queues?: QueueSetting }
  /** The NICs of the devices below it. */
  | { readonly kind: 'below' }
  /** What sends there: the other end of a veth pair, a program behind a TUN device, this host on loopback. */
  | { readonly kind: 'senders' };

/** Of a device whose own settings decide nothing, or tell nothing. */
export type SpreadingElsewhere = Exclude<Spreading, { readonly kind: 'nic' }>;

/** What "ethtool -L" calls the receive queues; absent where there is one, or where their number cannot be chosen. */
export type QueueSetting = 'rx' | 'combined';

/** Modes in which the process follows from how the packet was received. */
export type ReceiveMode = 'qm' | 'cpu';
