/** The kernel's fanout modes and flags, by the names packet(7) and the IDSs use. */

/** Values of PACKET_FANOUT_* in linux/if_packet.h. */
export const FANOUT_MODES = { hash: 0, lb: 1, cpu: 2, rollover: 3, rnd: 4, qm: 5, cbpf: 6, ebpf: 7 } as const;
export type FanoutMode = keyof typeof FANOUT_MODES;
export const FANOUT_MODE_NAMES = Object.keys(FANOUT_MODES) as readonly FanoutMode[];

/** Suricata's own words for them (cluster_flow). Zeek's (AF_Packet::FANOUT_HASH), and the kernel's, are made of the names above. */
const SURICATA_MODES: Readonly<Record<string, FanoutMode>> = { flow: 'hash', round_robin: 'lb', random: 'rnd' };

/** Undefined if no program of the field calls a mode so. */
export function fanoutModeCalled(text: string): FanoutMode | undefined {
  const [, prefix = '', word = ''] = /^(?:af_packet::)?(cluster_|(?:packet_)?fanout_)?(.*)$/.exec(text.toLowerCase()) ?? [];
  const ofSuricata = prefix === 'cluster_' && Object.hasOwn(SURICATA_MODES, word) ? SURICATA_MODES[word] : undefined;
  return ofSuricata ?? FANOUT_MODE_NAMES.find((name) => name === word);
}

/** Values of PACKET_FANOUT_FLAG_*. UNIQUEID is not here: it is a way to choose the id, and no member keeps it. */
export const FANOUT_FLAGS = { rollover: 0x1000, 'ignore-outgoing': 0x4000, defrag: 0x8000 } as const;
export type FanoutFlag = keyof typeof FANOUT_FLAGS;

/** A legacy group holds 256 members; max_num_members raises it to 65536 (net/packet/af_packet.c, fanout_add). */
export const LEGACY_MEMBERS_MAX = 256;
export const MEMBERS_MAX = 65536;

/** What a mode promises about the packets of one flow. */
export type FlowPromise = 'affinity' | 'spread' | 'conditional';

export function flowPromise(mode: FanoutMode): FlowPromise {
  switch (mode) {
    case 'hash':
      return 'affinity';
    case 'lb':
    case 'rnd':
      return 'spread';
    case 'cpu':
    case 'qm':
    case 'rollover':
    case 'cbpf':
    case 'ebpf':
      return 'conditional';
  }
}

/** A way to fan packets out. */
export interface GroupName {
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
}

/** "hash+defrag" */
export function labelOf({ mode, flags }: GroupName): string {
  return [mode, ...flags].join('+');
}
