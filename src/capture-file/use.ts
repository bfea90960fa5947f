/** What a capture file is given to, as errors about it say. Pure. */
import type { CapturePurpose } from '../model/capture-file.ts';

export interface CaptureUse {
  /** What the file was given to. */
  readonly option: string;
  /** Takes a file, or - for standard input. */
  readonly command: string;
}

export const REPLAY: CaptureUse = { option: '--pcap', command: 'fanout-cluster --pcap' };

export const PREDICT: CaptureUse = { option: 'predict', command: 'fanout-cluster predict' };

export const USES: Readonly<Record<CapturePurpose, CaptureUse>> = { replay: REPLAY, predict: PREDICT };
