/** What of this program's own code has run, block by block, as V8 counts it. Nothing has to be built for it. */
import { type Profiler, Session } from 'node:inspector';

export class Reach {
  readonly #session = new Session();
  readonly #isWanted: (url: string) => boolean;

  constructor(isWanted: (url: string) => boolean) {
    this.#isWanted = isWanted;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Of the time since it was asked last: for each function that ran, which of its blocks did and which did not. */
  take(): ReadonlySet<string> {
    const blocks = new Set<string>();
    this.#session.post('Profiler.takePreciseCoverage', (error: Error | null, found?: Profiler.TakePreciseCoverageReturnType) => {
      if (error !== null) throw error;
      for (const { url, functions } of found?.result ?? [])
        if (this.#isWanted(url)) for (const { ranges } of functions) addBlocks(blocks, ranges);
    });
    return blocks;
  }

  close(): void {
    this.#session.disconnect();
  }
}

function addBlocks(blocks: Set<string>, ranges: readonly Profiler.CoverageRange[]): void {
  if (ranges[0]?.count === 0) return;
  for (const { startOffset, endOffset, count } of ranges) blocks.add(`${startOffset}-${endOffset}${count > 0 ? '' : '!'}`);
}
