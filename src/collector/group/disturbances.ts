/** What cut into a run from outside. Each is named; of one kind that comes over and over the rest is counted. */
import type { DisturbanceCode } from '../../model/reason.ts';
import type { Disturbance } from '../../model/run-facts.ts';

/** Of one kind. */
const NAMED_MAX = 16;

export class Disturbances {
  #named: Disturbance[] = [];
  readonly #further = new Map<DisturbanceCode, number>();

  add(disturbance: Disturbance): void {
    const { code } = disturbance;
    if (this.#named.filter((known) => known.code === code).length < NAMED_MAX) this.#named.push(disturbance);
    else this.#further.set(code, (this.#further.get(code) ?? 0) + 1);
  }

  has(code: DisturbanceCode): boolean {
    return this.#named.some((known) => known.code === code);
  }

  /** It was another thing after all. */
  withdraw(disturbance: Disturbance | undefined): void {
    this.#named = this.#named.filter((known) => known !== disturbance);
  }

  /** In the order in which they came; behind the last that is named of a kind, how often it came again. */
  get list(): readonly Disturbance[] {
    return this.#named.map((disturbance) => {
      const further = this.#further.get(disturbance.code);
      const isLast = this.#named.findLast(({ code }) => code === disturbance.code) === disturbance;
      return further !== undefined && isLast ? again(disturbance, further) : disturbance;
    });
  }
}

function again(disturbance: Disturbance, further: number): Disturbance {
  return { ...disturbance, args: { ...disturbance.args, further } } as Disturbance;
}
