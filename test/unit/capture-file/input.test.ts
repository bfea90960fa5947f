/** The bytes of a capture file arrive whole, plain or gzip-compressed, and where they are damaged everything before that. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { openCaptureInput, type StandardInput } from '../../../src/capture-file/input.ts';
import { REPLAY } from '../../../src/capture-file/use.ts';
import type { ReadFault } from '../../../src/model/capture-file.ts';
import { temporaryDirectory } from '../../helpers/programs.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const noInput = (): StandardInput => {
  throw new Error('standard input was not asked for');
};

/** Bytes that neither repeat nor compress well. */
function noise(length: number): Buffer {
  const out = Buffer.alloc(length);
  for (let i = 0, state = 1; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(scratch.path, name);
  writeFileSync(path, bytes);
  return path;
}

async function readAll(path: string, standardInput = noInput): Promise<{ readonly bytes: Buffer; readonly fault: ReadFault | undefined }> {
  const input = await openCaptureInput(path, standardInput, REPLAY);
  try {
    const reader = input.read();
    const pieces: Buffer[] = [];
    for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) pieces.push(Buffer.from(piece));
    return { bytes: Buffer.concat(pieces), fault: reader.fault };
  } finally {
    await input.close();
  }
}

const large = noise(1_500_000);

describe('a file', () => {
  test.each<[string, Uint8Array, Uint8Array]>([
    ['empty', new Uint8Array(), new Uint8Array()],
    ['one byte', Buffer.of(7), Buffer.of(7)],
    ['one byte of a magic', Buffer.of(0x1f), Buffer.of(0x1f)],
    ['plain', large, large],
    ['gzip', gzipSync(large), large],
    ['gzip of nothing', gzipSync(Buffer.alloc(0)), Buffer.alloc(0)],
    [
      'gzip in members',
      Buffer.concat([gzipSync(large), gzipSync(Buffer.from('more')), gzipSync(large)]),
      Buffer.concat([large, Buffer.from('more'), large]),
    ],
    ['gzip with padding', Buffer.concat([gzipSync(large), Buffer.alloc(512)]), large],
    ['gzip that grows a thousandfold', gzipSync(Buffer.alloc(50_000_000)), Buffer.alloc(50_000_000)],
  ])('%s', async (name, stored, expected) => {
    const { bytes, fault } = await readAll(fileOf(name, stored));
    expect(bytes.equals(expected)).toBe(true);
    expect(fault).toBeUndefined();
  });

  test('can be read again from its beginning, also from the middle', async () => {
    const input = await openCaptureInput(fileOf('again', gzipSync(large)), noInput, REPLAY);
    for (let i = 0; i < 20; i += 1) {
      const reader = input.read();
      expect(Buffer.from((await reader.next()) ?? []).equals(large.subarray(0, 100))).toBe(false);
      reader.close();
    }
    await input.close();
  });
});

describe('damaged gzip: everything before the damage', () => {
  const packed = gzipSync(large);

  test.each([20, 100, 20_000, packed.length - 9, packed.length - 1])('cut to %i bytes', async (size) => {
    const { bytes, fault } = await readAll(fileOf(`cut-${size}`, packed.subarray(0, size)));
    expect(fault).toEqual({ kind: 'gzip-ends-early' });
    // What gzip(1) has of it is the measure.
    const expected = gunzipped(packed.subarray(0, size));
    expect(bytes.length).toBe(expected.length);
    expect(bytes.equals(expected)).toBe(true);
  });

  test.each([1, 8, 30_000])('%i bytes of something else behind it', async (size) => {
    const { bytes, fault } = await readAll(fileOf(`behind-${size}`, Buffer.concat([packed, Buffer.alloc(size, 0x41)])));
    expect(bytes.equals(large)).toBe(true);
    expect([{ kind: 'gzip-damaged', message: 'incorrect header check' }, { kind: 'gzip-ends-early' }]).toContainEqual(fault);
  });

  test('a wrong checksum', async () => {
    const wrong = Buffer.from(packed);
    wrong.writeUInt8((wrong.at(-6) ?? 0) ^ 1, wrong.length - 6);
    const { bytes, fault } = await readAll(fileOf('checksum', wrong));
    expect(bytes.equals(large)).toBe(true);
    expect(fault).toEqual({ kind: 'gzip-damaged', message: 'incorrect data check' });
  });

  test('bytes that are no gzip in the middle', async () => {
    const wrong = Buffer.concat([gzipSync(large), packed.subarray(0, 700_000), Buffer.alloc(50_000, 0xff)]);
    const { bytes, fault } = await readAll(fileOf('middle', wrong));
    expect(fault?.kind).toBe('gzip-damaged');
    expect(bytes.length).toBeGreaterThan(large.length + 690_000);
    expect(bytes.subarray(0, large.length).equals(large)).toBe(true);
    expect(bytes.subarray(large.length, large.length + 690_000).equals(large.subarray(0, 690_000))).toBe(true);
  });
});

describe('standard input', () => {
  test('is read as it comes, byte by byte if need be', async () => {
    const bytes = gzipSync(Buffer.from('a capture'));
    const input = () => Readable.from(Array.from(bytes, (byte) => Buffer.of(byte))) as StandardInput;
    expect(await readAll('-', input)).toEqual({ bytes: Buffer.from('a capture'), fault: undefined });
  });

  test('by gzip, up to where it is damaged', async () => {
    const damaged = Buffer.concat([gzipSync(large), Buffer.alloc(100, 0x41)]);
    const { bytes, fault } = await readAll('-', () => Readable.from([damaged]));
    expect(fault).toEqual({ kind: 'gzip-damaged', message: 'incorrect header check' });
    // The write that failed is lost: a kibibyte of what was compressed.
    expect(bytes.length).toBeGreaterThan(large.length - 1100);
    expect(bytes.equals(large.subarray(0, bytes.length))).toBe(true);
  });

  test('that fails says why, after what came before', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('some bytes');
      throw new Error('EIO: i/o error, read');
    }
    expect(await readAll('-', () => Readable.from(failing()))).toEqual({
      bytes: Buffer.from('some bytes'),
      fault: { kind: 'read-failed', message: 'EIO: i/o error, read' },
    });
  });

  test('that never says anything can be closed', async () => {
    const input = await openCaptureInput('-', () => new PassThrough(), REPLAY);
    const reader = input.read();
    const waiting = reader.next();
    reader.close();
    expect(await waiting).toBeUndefined();
    expect(reader.fault).toBeUndefined();
  });

  test('that is a terminal is refused', async () => {
    const terminal = () => Object.assign(new PassThrough(), { isTTY: true });
    await expect(openCaptureInput('-', terminal, REPLAY)).rejects.toMatchObject({ code: 'BAD_CAPTURE' });
  });
});

describe('what is no file', () => {
  test.each<[string, () => string, RegExp]>([
    ['missing', () => join(scratch.path, 'nowhere'), /cannot open .*nowhere: ENOENT/],
    ['a directory', () => scratch.path, /is a directory/],
    ['a device', () => '/dev/null', /is not a regular file/],
    ['below a file', () => join(fileOf('plain', Buffer.of(1)), 'x'), /ENOTDIR/],
    [
      'a pipe without a writer, which would wait for ever',
      () => {
        const path = join(scratch.path, 'fifo');
        execFileSync('mkfifo', [path]);
        return path;
      },
      /is not a regular file/,
    ],
  ])('%s', async (_, path, message) => {
    await expect(openCaptureInput(path(), noInput, REPLAY)).rejects.toMatchObject({
      code: 'BAD_CAPTURE',
      exitStatus: 2,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(/./),
    });
  });
});

function gunzipped(bytes: Uint8Array): Buffer {
  mkdirSync(scratch.path, { recursive: true });
  const path = fileOf('oracle.gz', bytes);
  return execFileSync('sh', ['-c', `gzip -dc ${path} 2>/dev/null; true`], { maxBuffer: 1 << 28 });
}
