/** Spans of constant membership. Evidence is compared only within one of them. */

import type { FlowMap, ObservedFlow } from '../../addon/flow-map.ts';
import type { EpochEvidence, Evidence } from '../../model/evidence.ts';
import { epochsMax } from '../../model/run-limits.ts';

interface Epoch {
  readonly members: number;
  readonly reason?: string;
  /** Nanoseconds since the start of the run; packets first seen later prove nothing in it. null while it lasts. */
  endNs: bigint | null;
}

export class Epochs {
  readonly #startNs: bigint;
  readonly #list: Epoch[] = [];
  readonly #max: number;

  constructor(startNs: bigint, members: number) {
    this.#startNs = startNs;
    this.#max = epochsMax(members);
    this.#list.push({ members, endNs: null });
  }

  get current(): number {
    return this.#list.length - 1;
  }

  get reason(): string | undefined {
    return this.#list.at(-1)?.reason;
  }

  get open(): boolean {
    return this.#list.at(-1)?.endNs === null;
  }

  /** No more can begin. */
  get full(): boolean {
    return this.#list.length >= this.#max;
  }

  /**
   * Ends the current epoch at the last time stamp at which the membership was certainly known. What is noticed late may reach back
   * into epochs that have ended: of several ends the earliest counts.
   */
  end(lastGoodNs: bigint): void {
    const since = this.#sinceStart(lastGoodNs);
    for (const epoch of this.#list) if (epoch.endNs === null || since < epoch.endNs) epoch.endNs = since;
  }

  /** The clock was set back to this time: no packet of now is to be taken for one of an epoch that has ended. */
  reopenNone(newSinceNs: bigint): void {
    const since = this.#sinceStart(newSinceNs);
    for (const epoch of this.#list) if (epoch.endNs !== null && since < epoch.endNs) epoch.endNs = since;
  }

  #sinceStart(ns: bigint): bigint {
    return ns > this.#startNs ? ns - this.#startNs : 0n;
  }

  begin(members: number, reason: string): number {
    this.#list.push({ members, reason, endNs: null });
    return this.current;
  }

  /** All that the flow map knows, judged epoch by epoch. */
  evidence(flowMap: FlowMap, violationsMax: number): Evidence {
    const { twoWayByEpochAndMember, ...known } = flowMap.evidence({
      epochEndsNs: this.#list.map((epoch) => epoch.endNs),
      violationsMax,
      startNs: this.#startNs,
    });
    const epochs = this.#list.map(
      ({ members, reason }, i): EpochEvidence => ({
        members,
        ...(reason === undefined ? {} : { reason }),
        twoWayByMember: twoWayByEpochAndMember[i] ?? [],
      }),
    );
    return { ...known, epochs };
  }

  /** Every flow that the flow map knows, up to `max`, judged in the same way. */
  flows(flowMap: FlowMap, max: number): readonly ObservedFlow[] {
    return flowMap.flows({ epochEndsNs: this.#list.map((epoch) => epoch.endNs), max, startNs: this.#startNs });
  }
}
