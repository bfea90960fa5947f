import { describe, expect, test } from 'vitest';
import { cellOf, matrixOf } from '../../../helpers/matrix.ts';
import { renderMatrix, renderMatrixBrief } from '../../../helpers/rendered.ts';

const one = cellOf('one-member', { reason: 'one-member', membersUsed: 1 });
const vxlan = cellOf('split', { cause: 'tunnel-outer-only', asymmetric: 83 });
const lb = cellOf('split', { cause: 'lb-by-design', split: 96 });
const fragments = cellOf('split', { cause: 'fragment-v4', split: 80, asymmetric: 4 });
const esp = cellOf('apart', { cause: 'esp-ah-spi', asymmetric: 85 });
const kept = cellOf('kept');
const arp = cellOf('no-flows', { flows: 0 });
const arpAtOne = cellOf('one-member', { flows: 0, membersUsed: 1, cause: 'no-spread' });

const result = matrixOf(
  [
    { mode: 'hash', flags: [] },
    { mode: 'hash', flags: ['defrag'] },
    { mode: 'lb', flags: [] },
    { mode: 'rollover', flags: [] },
    { mode: 'qm', flags: [] },
  ],
  {
    'ipv4-tcp': [kept, kept, lb, one, kept],
    'fragment-ipv4-udp': [fragments, kept, lb, one, kept],
    'vxlan-ipv4-tcp': [vxlan, vxlan, lb, one, kept],
    'esp-ipv4': [esp, esp, lb, one, kept],
    arp: [arpAtOne, arpAtOne, arp, one, arp],
  },
);

const plain = (width: number) => renderMatrix(result, { width, color: false });
const tableOf = (text: string) => text.split('\n\n')[1] ?? '';

test('80 columns: the table, its words, and what it says about each mode', () => {
  expect(plain(80)).toMatchInlineSnapshot(`
    "5 classes of traffic, 96 flows of each, 5 modes, 8 processes, Linux 6.18.44,
    14.3 s, sent by tap, seed 7

    class              hash         hash+defrag  lb           rollover    qm
    ipv4-tcp           kept         kept         split 96/96  one member  kept
    fragment-ipv4-udp  split 84/96  kept         split 96/96  one member  kept
    vxlan-ipv4-tcp     split 83/96  split 83/96  split 96/96  one member  kept
    esp-ipv4           apart 85/96  apart 85/96  split 96/96  one member  kept
    arp                one member   one member   no flows     one member  no flows

    kept             every flow, in both directions, on one process, and the flows
                     on several
    split            flows whose packets were on several processes
    apart            flows on several processes for a cause that is harmless
    one, one member  all on one process: nothing is split, and nothing is shared out
    many, no flows   frames without a flow, on several processes

    hash: promises to keep flows together
      kept        1 of 5
      split       1 of 5 (fragment-v4): fragment-ipv4-udp
      split       1 of 5 (tunnel-outer-only): vxlan-ipv4-tcp
      apart       1 of 5 (esp-ah-spi): esp-ipv4
      one member  1 of 5 (no-spread): arp

    hash+defrag: promises to keep flows together
      kept        2 of 5
      split       1 of 5 (tunnel-outer-only): vxlan-ipv4-tcp
      apart       1 of 5 (esp-ah-spi): esp-ipv4
      one member  1 of 5 (no-spread): arp

    lb: promises an even spread, and to keep nothing together
      split       4 of 5 (lb-by-design): ipv4-tcp, fragment-ipv4-udp,
                  vxlan-ipv4-tcp, esp-ipv4
      no flows    1 of 5: arp

    rollover: stays on one process until its ring is full, then moves everything
      one member  5 of 5

    qm: follows the receive queue; the lab puts both directions of a flow on one
    queue, and your NIC may not
      kept        4 of 5
      no flows    1 of 5: arp

    Causes
      fragment-v4: IPv4 fragments are hashed without ports, apart from the rest of
      their flow
      tunnel-outer-only: the kernel hashes the outer header of this tunnel only, and
      that differs by direction
      esp-ah-spi: the kernel hashes the SPI of ESP and AH as ports, and each
      direction has its own
      no-spread: all packets of a kind of traffic have one kernel key, so one
      process gets all of it

    Safe on Linux 6.18.44: mode hash+defrag for 2 of 5 classes of traffic, each flow
    of which it kept on one process. It split 1.
    "
  `);
});

test('100 columns: how many flows of how many', () => {
  expect(tableOf(plain(100))).toMatchInlineSnapshot(`
    "class              hash         hash+defrag  lb           rollover    qm
    ipv4-tcp           kept         kept         split 96/96  one member  kept
    fragment-ipv4-udp  split 84/96  kept         split 96/96  one member  kept
    vxlan-ipv4-tcp     split 83/96  split 83/96  split 96/96  one member  kept
    esp-ipv4           apart 85/96  apart 85/96  split 96/96  one member  kept
    arp                one member   one member   no flows     one member  no flows"
  `);
});

test('200 columns: and why', () => {
  expect(tableOf(plain(200))).toMatchInlineSnapshot(`
    "class              hash                           hash+defrag                    lb                        rollover    qm
    ipv4-tcp           kept                           kept                           split 96/96 lb-by-design  one member  kept
    fragment-ipv4-udp  split 84/96 fragment-v4        kept                           split 96/96 lb-by-design  one member  kept
    vxlan-ipv4-tcp     split 83/96 tunnel-outer-only  split 83/96 tunnel-outer-only  split 96/96 lb-by-design  one member  kept
    esp-ipv4           apart 85/96 esp-ah-spi         apart 85/96 esp-ah-spi         split 96/96 lb-by-design  one member  kept
    arp                one member no-spread           one member no-spread           no flows                  one member  no flows"
  `);
});

test('40 columns: one table below the other', () => {
  expect(plain(40).split('\n\n').slice(1, 3).join('\n\n')).toMatchInlineSnapshot(`
    "class             hash  hash    lb
                            +defrag
    ipv4-tcp          kept  kept    split
    fragment-ipv4-udp split kept    split
    vxlan-ipv4-tcp    split split   split
    esp-ipv4          apart apart   split
    arp               one   one     many

    class             rollover qm
    ipv4-tcp          one      kept
    fragment-ipv4-udp one      kept
    vxlan-ipv4-tcp    one      kept
    esp-ipv4          one      kept
    arp               one      many"
  `);
});

test.each([40, 41, 60, 79, 80, 81, 99, 120, 160, 200, 500])('%i columns: no line of a table is wider, and every cell is there', (width) => {
  const lines = plain(width).split('\n');
  const rows = lines.slice(
    0,
    lines.findIndex((line) => line.startsWith('kept ')),
  );
  expect(rows.filter((line) => line.length > width)).toEqual([]);
  expect(rows.join('\n').match(/\b(kept|split|apart|one|many|no flows)\b/g)).toHaveLength(25);
});

test('colours change nothing but colours', () => {
  const colored = renderMatrix(result, { width: 120, color: true });
  expect(colored).toContain('\u001b[32mkept\u001b[0m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of
  expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(plain(120));
});

test('--quiet: a line for each mode, and what is safe', () => {
  expect(renderMatrixBrief(result, { width: 80, color: false })).toMatchInlineSnapshot(`
    "hash: kept 1, split 2, apart 1, one member 1 of 5 classes of traffic
    hash+defrag: kept 2, split 1, apart 1, one member 1 of 5 classes of traffic
    lb: split 4, no flows 1 of 5 classes of traffic
    rollover: one member 5 of 5 classes of traffic
    qm: kept 4, no flows 1 of 5 classes of traffic

    Safe on Linux 6.18.44: mode hash+defrag for 2 of 5 classes of traffic, each flow
    of which it kept on one process. It split 1.
    "
  `);
});

describe('doubts', () => {
  const doubts = [{ code: 'loss', message: 'full rings dropped\u001b[2J 3 of 9 packets', remedy: 'give larger rings' }];
  const doubtful = cellOf('doubtful', { reason: 'loss' });
  const runs = [{ mode: 'hash' as const, flags: [], doubts }];
  const text = renderMatrix({ ...matrixOf(runs, { arp: [doubtful] }), runs }, { width: 80, color: true });

  test('are told with their mode and remedy, and drive no terminal', () => {
    expect(text).toContain('hash: loss: full rings dropped\\u001b[2J 3 of 9 packets');
    expect(text).toContain('-> give larger rings');
    expect(text).toContain('doubtful');
  });

  test('and nothing is called safe that was not kept', () => {
    expect(text).toMatch(/Nothing is shown to be safe .*: what\s+was measured of mode hash is\s+in\s+doubt/);
  });
});

describe('modes that were not run', () => {
  const hash = { mode: 'hash', flags: [] } as const;
  const defrag = { mode: 'hash', flags: ['defrag'] } as const;
  const qm = { mode: 'qm', flags: [] } as const;
  const cut = { code: 'interrupted', message: 'ended before this mode was measured' };
  const never = cellOf('not-run', { reason: 'interrupted', flows: 0, membersUsed: 0 });
  const textOf = (rows: Parameters<typeof matrixOf>[1]) => {
    const whole = matrixOf([hash, defrag, qm], rows);
    const runs = whole.runs.map((run, i) => ({ ...run, doubts: i === 0 ? [] : [cut] }));
    return renderMatrix({ ...whole, runs }, { width: 100, color: false });
  };

  test('an interrupted survey concludes from what ran, and says so', () => {
    const text = textOf({ 'ipv4-tcp': [kept, never, never], 'fragment-ipv4-udp': [fragments, never, never] });
    expect(text).toMatchInlineSnapshot(`
      "2 classes of traffic, 96 flows of each, 1 of 3 modes, 8 processes, Linux 6.18.44, 14.3 s, sent by
      tap, seed 7

      class              hash
      ipv4-tcp           kept
      fragment-ipv4-udp  split 84/96 fragment-v4

      kept   every flow, in both directions, on one process, and the flows on several
      split  flows whose packets were on several processes

      hash: promises to keep flows together
        kept        1 of 2
        split       1 of 2 (fragment-v4): fragment-ipv4-udp

      hash+defrag, qm: not run
        interrupted: ended before this mode was measured

      Causes
        fragment-v4: IPv4 fragments are hashed without ports, apart from the rest of their flow

      Safe on Linux 6.18.44, of 1 mode tested (2 not run): mode hash for 1 of 2 classes of traffic, each
      flow of which it kept on one process. It split 1.
      "
    `);
  });

  test('a mode of which little is known is not the one that split fewest', () => {
    const spoilt = cellOf('doubtful', { reason: 'lost-member' });
    const text = textOf({
      'ipv4-tcp': [kept, spoilt, never],
      'fragment-ipv4-udp': [fragments, spoilt, never],
    });
    expect(text).toContain('mode hash for 1 of 2 classes');
    expect(text).toContain('of 2 modes tested (1 not run)');
  });
});

describe('the built-in programs', () => {
  const columns = [
    { mode: 'hash', flags: [] },
    { mode: 'ebpf', flags: [], builtin: 'addresses' },
    { mode: 'ebpf', flags: [], builtin: 'ports' },
  ] as const;

  test('have columns of their own, and promise to keep flows together', () => {
    const text = renderMatrix(matrixOf(columns, { 'ipv4-tcp': [kept, kept, kept], 'fragment-ipv4-udp': [fragments, kept, fragments] }), {
      width: 120,
      color: false,
    });
    expect(text).toMatch(/^class +hash +ebpf:addresses +ebpf:ports$/m);
    expect(text).toContain('ebpf:addresses: keeps innermost flows together, by their addresses');
    expect(text).toContain('Safe on Linux 6.18.44: mode ebpf:addresses for 2 of 2 classes');
  });

  test('that could not be loaded are named, and are no doubt', () => {
    const reason = { code: 'PROGRAM_REFUSED', message: 'builtin: not here', remedy: 'run as root' };
    const leftOut = columns.slice(1).map((group) => ({ ...group, reason }));
    const result = matrixOf(columns.slice(0, 1), { 'ipv4-tcp': [kept] }, { leftOut });
    expect(renderMatrix(result, { width: 100, color: false })).toContain(
      'ebpf:addresses, ebpf:ports: not run\n  PROGRAM_REFUSED: builtin: not here\n    -> run as root\n',
    );
    expect(renderMatrixBrief(result, { width: 100, color: false })).toContain(
      'Not tested: ebpf:addresses (PROGRAM_REFUSED), ebpf:ports (PROGRAM_REFUSED)',
    );
  });
});

test('without a mode that promises affinity nothing is called safe', () => {
  const text = renderMatrix(matrixOf([{ mode: 'qm', flags: [] }], { 'ipv4-tcp': [kept] }), { width: 80, color: false });
  expect(text).toMatch(/include hash in\s+--modes/);
});
