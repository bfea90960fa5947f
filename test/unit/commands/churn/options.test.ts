import { describe, expect, test } from 'vitest';
import { parseChurnOptions, type RawChurnOptions } from '../../../../src/commands/churn/options.ts';
import { MACHINE } from '../../../helpers/machine.ts';

const parse = (raw: RawChurnOptions) => parseChurnOptions(raw, MACHINE);

test('by default each slot of four, in mode hash, with so many flows that shares are known to 0.02', () => {
  const { run, slots, packetsPerSecond } = parse({});
  expect([run.mode, run.flags, run.procs, run.seed]).toEqual(['hash', [], 4, 77]);
  expect(run.source).toMatchObject({ kind: 'lab', flows: 10_000, packetsPerFlow: 2 });
  expect([slots, packetsPerSecond]).toEqual([[0, 1, 2, 3], 100_000]);
});

test('one slot', () => expect(parse({ procs: '3', slot: '2' }).slots).toEqual([2]));
test('mode ebpf has the built-in program', () => {
  expect(parse({ mode: 'ebpf' }).run).toMatchObject({ mode: 'ebpf', builtin: 'addresses', program: { kind: 'ebpf', path: 'builtin' } });
  expect(parse({ mode: 'ebpf', ebpfProgram: 'builtin:ports' }).run.builtin).toBe('ports');
});

test.each<RawChurnOptions>([{ mode: 'lb' }, { mode: 'ebpf', ebpfProgram: 'lb.o' }, { mode: 'ebpf', ebpfProgram: 'none' }])(
  'of %j nobody knows what should move',
  (raw) => expect(() => parse(raw)).toThrow(expect.objectContaining({ code: 'CONTRADICTORY_OPTIONS' })),
);

test('with defrag', () => expect(parse({ defrag: true }).run.flags).toEqual(['defrag']));

describe('refused', () => {
  test.each<[RawChurnOptions, RegExp]>([
    [{ procs: '1' }, /--procs: "1"/],
    [{ procs: '3', slot: '3' }, /--slot: "3" is not a whole number from 0 to 2/],
    [{ slot: '-1' }, /--slot/],
    [{ flows: '0' }, /--flows/],
  ])('%j', (raw, message) => {
    expect(() => parse(raw)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }));
  });
});

test('more changes than epochs are kept apart are refused', () => {
  const large = { ...MACHINE, memAvailableBytes: 2 ** 50, tasksMax: 1e6, descriptorsMax: 1e6 };
  const ask = (raw: RawChurnOptions) => () => parseChurnOptions({ ringSize: '128K', ...raw }, large);
  expect(ask({ procs: '3000' })).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE', message: expect.stringMatching(/^replacing 3000 of 3000 processes .* \(2796 epochs\)$/) }),
  );
  expect(ask({ procs: '3000', slot: '0' })).not.toThrow();
  expect(ask({ procs: '2000' })).not.toThrow();
});
