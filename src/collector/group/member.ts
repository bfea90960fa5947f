/** The life of one member as the collector sees it: a table of states, and what is known about the process behind it. */
import type { CaptureCounters } from '../../addon/capture.ts';

export type MemberState =
  | 'starting'
  | 'connected'
  | 'opened'
  | 'joined'
  | 'armed'
  | 'capturing'
  | 'finishing'
  | 'finished'
  | 'gone'
  | 'lost';

/** Where a member may go from each state. An event outside the table is a defect, of ours or of the member. */
const NEXT: Readonly<Record<MemberState, readonly MemberState[]>> = {
  starting: ['connected', 'gone', 'lost'],
  connected: ['opened', 'gone', 'lost'],
  // Reopening is how a member leaves a group that it must not stay in.
  opened: ['joined', 'connected', 'gone', 'lost'],
  joined: ['armed', 'connected', 'gone', 'lost'],
  armed: ['capturing', 'gone', 'lost'],
  capturing: ['finishing', 'gone', 'lost'],
  finishing: ['finished', 'gone', 'lost'],
  finished: ['gone', 'lost'],
  gone: [],
  lost: [],
};

export const NO_COUNTERS: CaptureCounters = {
  packets: 0,
  drops: 0,
  freezes: 0,
  captured: 0,
  bytes: 0,
  outgoing: 0,
  judged: 0,
  overflowed: 0,
  ignored: [],
  rollover: [],
  order: [0, 0, 0, 0, 0, 0],
  copies: [0, 0, 0, 0],
  large: [0, 0, 0, 0],
  aliveNs: 0n,
  cpuNs: 0,
  epoch: 0,
  linkErrno: 0,
  linkErrors: 0,
  finished: false,
};

export class Member {
  readonly index: number;
  readonly cpu: number | undefined;
  /** 0 until the process is forked. */
  pid = 0;
  inode = 0;
  /** How the process ended, or why it was given up; empty while it lives. */
  end = '';
  counters: CaptureCounters = NO_COUNTERS;
  /** Clock.nowMs() when it last told them. */
  countedAtMs = 0;
  /** Last time stamp at which this member was known to live with its link up. */
  aliveNs = 0n;
  /** Clock.nowMs() at which anything was last heard from it. */
  heardAtMs = 0;
  #state: MemberState = 'starting';

  constructor(index: number, cpu: number | undefined) {
    this.index = index;
    this.cpu = cpu;
  }

  get state(): MemberState {
    return this.#state;
  }

  get alive(): boolean {
    return this.#state !== 'gone' && this.#state !== 'lost';
  }

  may(next: MemberState): boolean {
    return NEXT[this.#state].includes(next);
  }

  become(next: MemberState): void {
    if (!this.may(next)) throw new TypeError(`member ${this.index} cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }
}
