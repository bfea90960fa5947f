import { describe, expect, test } from 'vitest';
import { parsePredictOptions } from '../../../../src/commands/predict/options.ts';
import { MACHINE } from '../../../helpers/machine.ts';

describe('predict', () => {
  test('takes a file, and prints text', () => {
    expect(parsePredictOptions('a.pcap', {}, MACHINE)).toEqual({
      path: 'a.pcap',
      defrag: false,
      output: { json: { kind: 'none' }, quiet: false, color: true },
    });
  });

  test('--json may stand before the file: then the report goes to standard output, and no capture is written to', () => {
    expect(parsePredictOptions(undefined, { json: 'a.pcap' }, MACHINE)).toMatchObject({
      path: 'a.pcap',
      output: { json: { kind: 'stdout' } },
    });
    expect(parsePredictOptions('a.pcap', { json: 'out.json' }, MACHINE)).toMatchObject({
      path: 'a.pcap',
      output: { json: { kind: 'file', path: 'out.json' } },
    });
  });

  test.each([
    [undefined, {}, /no capture file is named/],
    [undefined, { json: true }, /no capture file is named/],
    ['', {}, /"" is not the name of a file/],
    ['a\0b', {}, /is not the name of a file/],
  ])('%j with %j is refused', (path, raw, message) => {
    expect(() => parsePredictOptions(path, raw, MACHINE)).toThrow(message);
  });
});
