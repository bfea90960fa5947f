import { describe, expect, test } from 'vitest';
import { parseLintOptions } from '../../../../src/commands/lint/options.ts';
import { MACHINE } from '../../../helpers/machine.ts';

describe('lint', () => {
  test('takes files, each once', () => {
    expect(parseLintOptions(['a.yaml', 'b.cfg', 'a.yaml'], {}, MACHINE)).toMatchObject({
      paths: ['a.yaml', 'b.cfg'],
      thisHost: false,
      format: 'json',
      output: { json: { kind: 'none' }, quiet: false, color: true },
    });
  });

  test('kind, version and format', () => {
    const typed = { kind: 'zeek-node', programVersion: '7.0.10-dev', sarif: 'out.sarif' };
    expect(parseLintOptions(['a'], typed, MACHINE)).toMatchObject({
      kind: 'zeek-node',
      programVersion: '7.0.10',
      format: 'sarif',
      output: { json: { kind: 'file', path: 'out.sarif' } },
    });
  });

  test.each([
    [[], {}, /no file is named/],
    [[''], {}, /"" is not the name of a file/],
    [['a\0b'], {}, /is not the name of a file/],
    [['a'], { json: true, sarif: true }, /--json and --sarif/],
    [['b.yaml'], { json: 'a.yaml' }, /--json a\.yaml: the report would be written there/],
    [['a'], { kind: 'bro' }, /--kind: "bro" is not one of suricata/],
    [['a'], { programVersion: 'new' }, /--program-version: "new" is not a version/],
  ])('%j with %j is refused', (words, typed, message) => {
    expect(() => parseLintOptions(words, typed, MACHINE)).toThrow(message);
  });
});
