/** What a capture file is read for, as messages about it say. Pure. */

export interface CaptureUse {
  /** What the file was given to. */
  readonly option: string;
  /** Takes a file, or - for standard input. */
  readonly command: string;
  /** What is to be done with its packets. */
  readonly done: string;
  /** What becomes of packets that were cut before their flow is known. */
  readonly cut: string;
}

export const REPLAY: CaptureUse = {
  option: '--pcap',
  command: 'fanout-cluster --pcap',
  done: 'replayed',
  cut: 'they were sent as they are, and are not judged',
};

export const PREDICT: CaptureUse = {
  option: 'predict',
  command: 'fanout-cluster predict',
  done: 'judged',
  cut: 'they are not judged',
};
