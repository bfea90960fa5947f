import { describe, expect, test } from 'vitest';
import type { CaptureSummary } from '../../../src/addon/capture-summary.ts';
import * as findings from '../../../src/capture-file/findings.ts';
import { badCapture } from '../../../src/collector/words/capture-file.ts';
import { worded } from '../../../src/collector/words/say.ts';
import type { CaptureProblem, ReadFault } from '../../../src/model/capture-file.ts';

const captureWarnings = (...given: Parameters<typeof findings.captureWarnings>) => findings.captureWarnings(...given).map(worded);
const unusableCapture = (...given: Parameters<typeof findings.unusableCapture>) => badCapture(findings.unusableCapture(...given));

const summary = (change: Partial<CaptureSummary> = {}): CaptureSummary => ({
  format: 'pcap',
  records: 9,
  frames: 9,
  cutHeaders: 0,
  leftOut: [],
  leftOutOtherwise: 0,
  ...change,
});
const problem = (change: Partial<CaptureProblem>): CaptureProblem => ({ fault: 'truncated', record: 10, offset: 724, value: 0, ...change });

test('a sound file needs no words', () => {
  expect(captureWarnings('a.pcap', summary(), undefined, 'replay')).toEqual([]);
});

describe('what ended the reading', () => {
  const message = (change: Partial<CaptureProblem>, fault?: ReadFault) =>
    captureWarnings('a.pcap', summary({ problem: problem(change) }), fault, 'replay')[0]?.message;

  test.each<[Partial<CaptureProblem>, ReadFault | undefined, string]>([
    [{}, undefined, 'it ends inside packet 10 (at byte 724)'],
    [{ block: 12 }, undefined, 'it ends inside block 12 (at byte 724, where packet 10 is due)'],
    [{}, { kind: 'gzip-ends-early' }, 'its gzip data end too early, and it ends inside packet 10 (at byte 724)'],
    [{ fault: 'implausible-length', value: 262145 }, undefined, 'packet 10 (at byte 724) has an impossible length (262145 bytes)'],
    [
      { fault: 'length-mismatch', block: 3, value: 7 },
      undefined,
      'the two lengths of block 3 (at byte 724, where packet 10 is due) differ (the second is 7)',
    ],
    [
      { fault: 'unknown-interface', block: 3, value: 7 },
      undefined,
      'block 3 (at byte 724, where packet 10 is due) names interface 7, which is not described',
    ],
    [
      { fault: 'too-many-interfaces', block: 3, value: 65536 },
      undefined,
      'block 3 (at byte 724, where packet 10 is due) describes one more interface than the 65536 that are allowed',
    ],
    [{ fault: 'bad-byte-order', block: 3 }, undefined, 'block 3 (at byte 724, where packet 10 is due) has no byte order'],
    [
      { fault: 'unknown-version', block: 3, value: 2 },
      undefined,
      'block 3 (at byte 724, where packet 10 is due) has format version 2, which is not known',
    ],
  ])('%j %j', (change, fault, text) => {
    expect(message(change, fault)).toBe(`a.pcap could not be read to its end: ${text}; the 9 packets before count`);
  });

  test.each<[ReadFault, string]>([
    [{ kind: 'gzip-damaged', message: 'incorrect data check' }, 'its gzip data are damaged (incorrect data check)'],
    [{ kind: 'read-failed', message: 'EIO: i/o error, read' }, 'reading it failed (EIO: i/o error, read)'],
  ])('%j', (fault, text) => {
    expect(message({ fault: 'empty' }, fault)).toBe(`a.pcap could not be read to its end: ${text}; the 9 packets before count`);
  });

  test('below the format', () => {
    expect(captureWarnings('a.gz', summary(), { kind: 'gzip-ends-early' }, 'replay')).toEqual([
      expect.objectContaining({ code: 'capture-damaged', message: expect.stringContaining('its gzip data end too early; the 9 packets') }),
    ]);
  });
});

test('what was left out, by link type and reason, and what was cut', () => {
  const leftOut = [
    { reason: 'link-type', linkType: 105, linkTypeName: 'IEEE802_11', packets: 1 },
    { reason: 'protocol', linkType: 9, linkTypeName: 'PPP', packets: 2 },
    { reason: 'cut', linkType: 1, linkTypeName: 'ETHERNET', packets: 3 },
    { reason: 'too-long', linkType: 300, packets: 4 },
    { reason: 'encrypted', linkType: 105, linkTypeName: 'IEEE802_11', packets: 6 },
  ] as const;
  const warnings = captureWarnings('-', summary({ leftOut, leftOutOtherwise: 5, cutHeaders: 2 }), undefined, 'replay');
  expect(warnings.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    'packets-left-out: of -, 1 packet of link type 105 (IEEE802_11) left out',
    'packets-left-out: of -, 2 packets of link type 9 (PPP) that carry no ethertype left out',
    'packets-left-out: of -, 3 packets of link type 1 (ETHERNET) that end inside the header of the link layer left out',
    'packets-left-out: of -, 4 packets of link type 300 longer than an interface can send (65549 bytes) left out',
    'packets-left-out: of -, 6 packets of link type 105 (IEEE802_11) that are encrypted left out',
    'packets-left-out: of -, 5 packets of further link types left out',
    'packets-cut: of -, 2 of 9 packets were cut by its snap length before their flow is known; they were sent as they are, and are not judged',
  ]);
});

test('a prediction sends nothing', () => {
  const [warning] = captureWarnings('x', summary({ cutHeaders: 1 }), undefined, 'predict');
  expect(warning?.message).toBe('of x, 1 of 9 packets were cut by its snap length before their flow is known; they are not judged');
});

describe('a file of which nothing can be used', () => {
  test.each<[Partial<CaptureSummary>, ReadFault | undefined, string, string]>([
    [{ records: 0, problem: problem({ fault: 'empty', record: 1, offset: 0 }) }, undefined, 'x is empty', 'name a capture file'],
    [{ records: 0 }, undefined, 'x holds no packet', 'capinfos'],
    [
      { records: 0, problem: problem({ record: 1, offset: 0 }) },
      undefined,
      'x holds no packet that can be read: it ends inside its header',
      'capinfos',
    ],
    [
      { records: 0, problem: problem({ fault: 'unknown-version', record: 1, offset: 0, value: 3 }) },
      undefined,
      'x holds no packet that can be read: its header has format version 3, which is not known',
      'capinfos',
    ],
    [
      { records: 0, problem: problem({ fault: 'empty' }) },
      { kind: 'gzip-ends-early' },
      'x holds no packet that can be read: its gzip data end too early',
      'capinfos',
    ],
    [
      { records: 0, problem: problem({ fault: 'foreign', foreign: 'zstd' }) },
      undefined,
      'x is not a capture file, but zstd',
      'zstd -dc x | fanout-cluster --pcap -',
    ],
    [
      { records: 0, problem: problem({ fault: 'foreign', foreign: 'Network Monitor' }) },
      undefined,
      'x is not a capture file, but Network Monitor',
      'editcap x out.pcapng',
    ],
    [
      { records: 0, problem: problem({ fault: 'foreign' }) },
      undefined,
      'x is neither pcap, pcapng, snoop nor ERF, plain or gzip-compressed',
      'editcap',
    ],
    [
      { records: 4, frames: 0, leftOut: [{ reason: 'link-type', linkType: 105, packets: 4 }] },
      undefined,
      'none of the 4 packets of x can be replayed: 4 packets of link type 105',
      'Ethernet frames',
    ],
    [
      { records: 4, frames: 0, leftOut: [{ reason: 'too-long', linkType: 1, packets: 4 }] },
      undefined,
      'none of the 4 packets of x can be replayed: 4 packets of link type 1 longer than an interface can send (65549 bytes)',
      'fanout-cluster predict x',
    ],
  ])('%j', (change, fault, message, remedy) => {
    const error = unusableCapture('x', summary({ frames: 0, ...change }), fault, 'replay');
    expect([error.code, error.exitStatus, error.message]).toEqual(['BAD_CAPTURE', 2, `--pcap: ${message}`]);
    expect(error.remedy).toContain(remedy);
    const predicting = unusableCapture('x', summary({ frames: 0, ...change }), fault, 'predict');
    expect(predicting.message).toBe(`predict: ${message.replace('replayed', 'judged')}`);
    expect(predicting.remedy).toBe(error.remedy.replace('fanout-cluster --pcap', 'fanout-cluster predict'));
  });
});
