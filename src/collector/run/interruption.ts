/** What an error means while signals are about. */
import { FanoutError, interrupted } from '../../errors.ts';
import type { Clock } from '../group/clock.ts';

const SIGNAL_MS = 50;

export interface Interruptible {
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, 'sleep'>;
}

/**
 * A terminal, timeout(1) and a service manager send their signals to all processes of the program at once. One of them that is only just starting ends
 * of it, and its end may be known before this process hears of its own: that was no fault of the one.
 */
export async function unlessInterrupted(error: unknown, { signal, clock }: Interruptible, when: string): Promise<unknown> {
  if (!(error instanceof FanoutError) || error.code === 'INTERRUPTED') return error;
  if (!signal.aborted) await clock.sleep(SIGNAL_MS);
  return signal.aborted ? interrupted(when, error) : error;
}
