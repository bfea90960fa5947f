/** How deep steering looks for which IDS: by the table of docs/encapsulations.md, and in the numbers that the program knows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IDS_NAMES, type IdsName, layersOpenedBy } from '../../../src/deployment/depth.ts';
import { LAYERS, layerMask, type SteeredLayer } from '../../../src/model/steering.ts';
import { packageRoot } from '../../../src/package-root.ts';

const read = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');

test('layers have the names and the order that native/steering gives them', () => {
  const [, body = ''] = /enum layer \{([^}]*)\}/.exec(read('native/steering/options.h')) ?? [];
  const names = [...body.matchAll(/^\s*in_(\w+)/gm)].map(([, name = '']) => name);
  expect(names.map((name) => name.replaceAll('_', '-'))).toEqual([...LAYERS]);
});

test('a mask has a bit for each layer, and the one for what all take off', () => {
  expect(layerMask([])).toBe(1n << 63n);
  expect(layerMask(['ip', 'gre', 'garland'])).toBe((1n << 63n) | 0b11n | (1n << BigInt(LAYERS.indexOf('garland'))));
  expect(LAYERS.length).toBeLessThan(63);
});

/** Rows of the table, by how they begin. Layers that it has only as a condition of another row stand below. */
const ROWS: Readonly<Partial<Record<SteeredLayer, string>>> = {
  ip: 'IPv4 and IPv6 in either',
  gre: 'GRE, IP or Ethernet inside',
  'gre-route': 'GRE with a source route',
  'gre-vlan': 'GRE with a VLAN tag inside',
  'gre-mpls': 'GRE with MPLS inside',
  'gre-nsh': 'GRE with NSH inside',
  erspan1: 'ERSPAN type I |',
  erspan2: 'ERSPAN type II |',
  erspan3: 'ERSPAN type III |',
  eoip: 'EoIP',
  etherip: 'EtherIP',
  ethernet: 'Ethernet in IP (143',
  'mpls-ip': 'MPLS in IP',
  vxlan: 'VXLAN |',
  'vxlan-gpe': 'VXLAN-GPE',
  geneve: 'Geneve',
  gtpu: 'GTP-U, version 1',
  'gtp-old': 'GTP, version 0',
  teredo: 'Teredo',
  'gre-udp': 'GRE in UDP',
  ayiya: 'AYIYA',
  l2tp: 'L2TPv2',
  'mpls-udp': 'MPLS in UDP',
  lisp: 'LISP',
  capwap: 'CAPWAP',
  cmd: 'Cisco MetaData',
  fabricpath: 'Cisco FabricPath',
  etag: 'E-Tag',
  pbb: '802.1ah',
  nsh: 'NSH 0x894f',
  'mpls-pw': 'MPLS, Ethernet with control word',
  'mpls-ethernet': 'MPLS, Ethernet without',
  hsr: 'HSR',
  batman: 'batman',
};

const TABLE = read('docs/encapsulations.md').split('\n');

/** "by option" and a plugin are not what stands there by default. */
function isOpened(cell: string): boolean {
  return !/^(?:no\b|by option|with `plugins)/.test(cell);
}

function cellsOf(line: string): readonly string[] {
  return line.split('|').map((cell) => cell.trim());
}

/** By the columns that the heading above the row names. */
function openersIn(row: string): readonly IdsName[] {
  const at = TABLE.findIndex((text) => text.startsWith(`| ${row}`));
  const heading = cellsOf(TABLE.slice(0, at).findLast((text) => text.startsWith('| encapsulation |')) ?? '');
  const cells = cellsOf(TABLE[at] ?? '');
  expect(cells).toHaveLength(heading.length);
  return IDS_NAMES.filter((reader) => {
    const column = heading.findIndex((name) => name.toLowerCase().startsWith(reader));
    return column >= 0 && isOpened(cells[column] ?? 'no');
  });
}

describe('agrees with the table', () => {
  test.each(Object.entries(ROWS) as [SteeredLayer, string][])('%s', (layer, row) => {
    const openers = IDS_NAMES.filter((reader) => reader !== 'packetbeat' && layersOpenedBy([reader]).includes(layer));
    expect(openers).toEqual(openersIn(row));
  });
});

test('Packetbeat looks into IP in IP, and no further', () => {
  expect(layersOpenedBy(['packetbeat'])).toEqual(['ip']);
});

test('what several readers share is no deeper than any of them', () => {
  const shared = layersOpenedBy(['suricata', 'zeek']);
  expect(shared).toEqual(expect.arrayContaining(['vxlan', 'geneve', 'teredo', 'ip', 'gre']));
  for (const layer of ['gtpu', 'l2tp', 'erspan3', 'ah4', 'mpls-ip', 'vxlan-gpe'] as const) expect(shared).not.toContain(layer);
  expect(layersOpenedBy([])).toEqual([...LAYERS]);
});
