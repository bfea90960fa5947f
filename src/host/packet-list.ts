/** Packet sockets as /proc/net/packet lists them: all of this network namespace, to everybody, but not which group they are in. */
import { readFileSync } from 'node:fs';

export interface ListedSocket {
  readonly inode: number;
  /** 0: all devices. */
  readonly ifindex: number;
  /** 0 until it is bound: such a socket gets nothing, and can be in no group. */
  readonly protocol: number;
  readonly uid: number;
}

/** undefined where there is no such file. */
export function listedSockets(): readonly ListedSocket[] | undefined {
  try {
    return parsePacketList(readFileSync('/proc/self/net/packet', 'latin1'));
  } catch {
    return undefined;
  }
}

/** Lines of packet_seq_show() behind a heading: address, references, type, protocol (hexadecimal), device, running, memory, user, inode. */
export function parsePacketList(text: string): readonly ListedSocket[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\S+\s+\d+\s+\d+\s+([0-9a-f]+)\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s+(\d+)\s*$/i.exec(line);
    if (match === null) return [];
    const [, protocol = '', ifindex, uid, inode] = match;
    return [{ inode: Number(inode), ifindex: Number(ifindex), protocol: Number.parseInt(protocol, 16), uid: Number(uid) }];
  });
}
