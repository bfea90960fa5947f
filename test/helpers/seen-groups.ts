/** Fanout groups as they may be seen on a host. */
import type { SeenGroup, SeenMember, SeenNamespace } from '../../src/model/fanout-group.ts';

export function member(more: Partial<SeenMember> = {}): SeenMember {
  return {
    inode: 4000,
    uid: 0,
    owners: [{ pid: 4711, comm: 'suricata' }],
    running: true,
    ring: { tpacket: 3, blockBytes: 131072, blockCount: 8, frameBytes: 2048, frameCount: 512, retireMs: 60 },
    receiveBufferBytes: 212992,
    queuedBytes: 0,
    drops: null,
    promiscuous: true,
    filter: { kind: 'none' },
    ...more,
  };
}

export function group(more: Partial<SeenGroup> = {}): SeenGroup {
  return {
    id: 99,
    mode: 'hash',
    flags: ['defrag'],
    interface: 'eth0',
    binding: 'interface',
    ifindex: 2,
    protocol: 3,
    isInterfacePromiscuous: false,
    members: [member(), member({ inode: 4001 })],
    unread: [{ fact: 'drops', need: 'their-reader' }],
    ...more,
  };
}

export function namespace(groups: readonly SeenGroup[] | null, more: Partial<SeenNamespace> = {}): SeenNamespace {
  return {
    inode: 4026531840,
    name: null,
    path: '/proc/self/ns/net',
    isOwn: true,
    process: null,
    groups,
    taps: [],
    unread: [],
    ...more,
  };
}
