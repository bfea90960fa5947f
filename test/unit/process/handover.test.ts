import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { HANDOVER_VARIABLE, receiveHandover, Texts } from '../../../src/process/handover.ts';
import { temporaryDirectory } from '../../helpers/programs.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const opened = (content: string): number => openSync(scratch.fileOf(Buffer.from(content)), 'r');

describe('what a program hands to itself', () => {
  test('is read once, and its descriptor and variable are gone then', () => {
    const descriptor = opened('{"texts":{"/dev/fd/9":"2 instructions"}}');
    const environment = { [HANDOVER_VARIABLE]: `77:${descriptor}` };
    expect(receiveHandover(environment, 77)).toEqual({ texts: { '/dev/fd/9': '2 instructions' } });
    expect(environment).toEqual({});
    expect(() => fstatSync(descriptor)).toThrow(/EBADF/);
  });

  test('means nothing to another process, and is not passed on', () => {
    const descriptor = opened('{"texts":{}}');
    const environment = { [HANDOVER_VARIABLE]: `77:${descriptor}` };
    expect(receiveHandover(environment, 78)).toBeUndefined();
    expect(environment).toEqual({});
    closeSync(descriptor);
  });

  test.each(['', '77', '77:', ':3', '77:x', '77:-1', '77:99999', '77:3 '])('is nothing where the variable is %j', (value) => {
    expect(receiveHandover({ [HANDOVER_VARIABLE]: value }, 77)).toBeUndefined();
  });

  test.each([
    '\u0000 not JSON',
    'null',
    '[]',
    '{}',
    '{"texts":{"/dev/fd/9":9}}',
    '{"texts":[]}',
    '{"texts":{},"descriptors":[-1]}',
    '{"texts":{},"descriptors":"3"}',
  ])('is nothing where the file is none of ours: %j', (content) => {
    const descriptor = opened(content);
    expect(receiveHandover({ [HANDOVER_VARIABLE]: `77:${descriptor}` }, 77)).toBeUndefined();
    closeSync(descriptor);
  });
});

describe('texts', () => {
  test('that cannot be read twice are handed on, files are not', () => {
    const path = join(scratch.path, 'file');
    writeFileSync(path, 'text');
    const texts = new Texts({ '/dev/fd/9': 'came through a pipe' });
    const never = (): never => {
      throw new Error('it was handed over');
    };
    expect(texts.read('/dev/fd/9', 100, never)).toBe('came through a pipe');
    expect(texts.read(path, 100, () => 'text')).toBe('text');
    expect(texts.read('/dev/null', 100, () => 'of a device')).toBe('of a device');
    expect(texts.fleeting).toEqual({ '/dev/fd/9': 'came through a pipe', '/dev/null': 'of a device' });
  });
});
