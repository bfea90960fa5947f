/** Counters of a member that got nothing, as they go over the socket: field by field, so that each can be replaced by a lie. */
import { packWorkerMessage } from '../../src/protocol/schema.ts';

const [kind, fields] = packWorkerMessage({
  kind: 'counters',
  counters: {
    ...{ packets: 0, drops: 0, freezes: 0, captured: 0, bytes: 0, outgoing: 0, judged: 0, overflowed: 0, cpuNs: 0, epoch: 0 },
    ...{ linkErrno: 0, linkErrors: 0, finished: false, ignored: [], rollover: [], order: [0, 0, 0, 0, 0, 0] },
    ...{ copies: [0, 0, 0, 0], large: [0, 0, 0, 0], aliveNs: 0n },
  },
}) as [number, readonly unknown[]];

/** Where in the fields the time is at which the member was alive. */
const ALIVE_NS = 8;

export const COUNTERS_KIND = kind;

export function countersWith(lies: Readonly<Record<number, unknown>>): readonly unknown[] {
  return Object.assign([...fields], lies);
}

/** For a program in JavaScript: the fields with the time of now, and with `lies`, the name of a variable. */
export function countersNow(lies: string): string {
  return `Object.assign(${JSON.stringify(countersWith({ [ALIVE_NS]: 0 }))}, { ${ALIVE_NS}: BigInt(Date.now()) * 1000000n }, ${lies})`;
}
