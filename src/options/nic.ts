/** `--nic`: the settings of a simulated NIC, typed or saved from a real one. */

import type { FlowKind, InputTransform } from '../addon/nic.ts';
import { FanoutError } from '../errors.ts';
import { badNic, ETHTOOL_TEXT_MAX, type Fields, parseEthtool } from '../nic/ethtool.ts';
import {
  evenTable,
  FLOW_KINDS,
  hexOf,
  isEven,
  KEY_BYTES,
  keyOf,
  MICROSOFT_KEY,
  type NicModel,
  queuesUsed,
  SYMMETRIC_KEY,
  TABLE_ENTRIES_MAX,
} from '../nic/model.ts';
import { TAP_QUEUES_MAX } from '../traffic/limits.ts';
import type { Machine } from './machine.ts';
import { oneOf, usage, wholeNumber } from './values.ts';

const OPTION = '--nic';
const SETTINGS = ['queues', 'rss', 'key', 'fields', 'table'] as const;
type Setting = (typeof SETTINGS)[number];
const SCALINGS = ['microsoft', 'symmetric', 'xor'] as const;
const FIELDS = ['sd', 'sdfn'] as const satisfies readonly Fields[];

export const NIC_EXAMPLE = 'queues=8,rss=symmetric,fields=sdfn';

/** Settings separated by commas, or the name of a file. */
export function parseNic(text: string, machine: Pick<Machine, 'readText'>): NicModel {
  const nic = /^[a-z]+=/.test(text) ? typedNic(text) : savedNic(text, machine);
  const used = queuesUsed(nic);
  if (used > TAP_QUEUES_MAX) {
    throw badNic(
      `${OPTION}: the table names queue ${used - 1}, and an interface of the lab has up to ${TAP_QUEUES_MAX} queues`,
      'simulate fewer queues',
    );
  }
  return nic;
}

function typedNic(text: string): NicModel {
  const given = settingsIn(text);
  const table = given.table === undefined ? undefined : parseTable(given.table);
  if (given.queues === undefined && table === undefined)
    throw new FanoutError('USAGE', `${OPTION}: ${JSON.stringify(text)} does not say how many queues there are`, `give ${NIC_EXAMPLE}`);
  const queues =
    given.queues === undefined
      ? queuesUsed({ table: table ?? new Uint16Array() })
      : wholeNumber(`${OPTION} queues`, given.queues, { least: 1, most: TAP_QUEUES_MAX });
  if (table !== undefined && queuesUsed({ table }) > queues)
    throw usage(`${OPTION} table`, given.table, `a list of queues from 0 to ${queues - 1}`);
  const fields = oneOf(`${OPTION} fields`, given.fields ?? 'sdfn', FIELDS);
  const { scaling, key, transform } = parseScaling(given);
  const parts = [
    `queues=${queues}`,
    ...(scaling === undefined ? [] : [`rss=${scaling}`]),
    ...(given.key === undefined ? [] : [`key=${hexOf(key)}`]),
    `fields=${fields}`,
    ...(table === undefined ? [] : [`table=${tableText(table)}`]),
  ];
  const name = parts.join(',');
  return { queues, key, transform, ports: fields === 'sd' ? [] : FLOW_KINDS, table: table ?? evenTable(queues), name, text: name };
}

function settingsIn(text: string): Readonly<Partial<Record<Setting, string>>> {
  const given: Partial<Record<Setting, string>> = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const name = SETTINGS.find((setting) => setting === part.slice(0, at));
    if (at < 0 || name === undefined) {
      throw new FanoutError(
        'USAGE',
        `${OPTION}: ${JSON.stringify(part)} is no setting of a NIC; there are ${SETTINGS.join(', ')}`,
        `give ${NIC_EXAMPLE}, or a saved output of ethtool (a file with "=" in its name as ./NAME)`,
      );
    }
    if (given[name] !== undefined) throw new FanoutError('USAGE', `${OPTION}: ${name} is given twice`, 'give it once');
    given[name] = part.slice(at + 1);
  }
  return given;
}

interface Scaling {
  readonly scaling?: string;
  readonly key: Uint8Array;
  readonly transform: InputTransform;
}

function parseScaling({ rss, key: keyText }: { readonly rss?: string; readonly key?: string }): Scaling {
  const key = keyText === undefined ? undefined : keyOf(keyText);
  if (keyText !== undefined && key === undefined)
    throw usage(`${OPTION} key`, keyText, `a key of at least ${KEY_BYTES} bytes in hexadecimal digits, as ethtool -x prints it`);
  if (key !== undefined && rss === undefined) return { key, transform: 'none' };
  const scaling = oneOf(`${OPTION} rss`, rss ?? 'microsoft', SCALINGS);
  if (scaling === 'xor') return { scaling, key: key ?? MICROSOFT_KEY, transform: 'symmetric-xor' };
  if (key !== undefined) {
    throw new FanoutError(
      'CONTRADICTORY_OPTIONS',
      `${OPTION}: rss=${scaling} is a key by its name, and key= gives another one`,
      'leave one of them out; rss=xor goes with any key',
    );
  }
  return { scaling, key: scaling === 'symmetric' ? SYMMETRIC_KEY : MICROSOFT_KEY, transform: 'none' };
}

function parseTable(text: string): Uint16Array {
  const entries = text.split(':');
  if (entries.length > TABLE_ENTRIES_MAX) throw usage(`${OPTION} table`, `${entries.length} entries`, `up to ${TABLE_ENTRIES_MAX} entries`);
  return Uint16Array.from(entries, (entry) => wholeNumber(`${OPTION} table`, entry, { least: 0, most: TAP_QUEUES_MAX - 1 }));
}

function savedNic(file: string, machine: Pick<Machine, 'readText'>): NicModel {
  const saved = parseEthtool(readSaved(file, machine), file);
  const { queues, key, transform, table = evenTable(queues) } = saved;
  const kinds = FLOW_KINDS.map((kind) => ({ kind, fields: saved.fields.get(kind) ?? 'sdfn' }));
  const assumed = FLOW_KINDS.filter((kind) => !saved.fields.has(kind));
  const hash = [
    `key=${hexOf(key)}`,
    ...(transform === 'none' ? [] : [`xfrm=${transform}`]),
    `fields=${fieldsText(kinds)}`,
    ...(assumed.length === 0 ? [] : [`assumed=${assumed.length === FLOW_KINDS.length ? 'fields' : assumed.join('/')}`]),
  ];
  const parts = [
    `queues=${queues}`,
    // Of one queue the file need not tell them.
    ...(queuesUsed({ table }) === 1 ? [] : hash),
    ...(isEven(table, queues) ? [] : [`table=${tableText(table)}`]),
  ];
  const name = `${saved.device} of ${file}`;
  return {
    queues,
    key,
    transform,
    ports: kinds.filter(({ fields }) => fields === 'sdfn').map(({ kind }) => kind),
    table,
    name,
    text: `${name}: ${parts.join(',')}`,
  };
}

function readSaved(file: string, machine: Pick<Machine, 'readText'>): string {
  try {
    return machine.readText(file, ETHTOOL_TEXT_MAX + 1);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw badNic(`${OPTION}: cannot read ${file}: ${why}`, `name a saved output of ethtool -x, or give settings such as ${NIC_EXAMPLE}`, {
      cause,
    });
  }
}

function fieldsText(kinds: readonly { readonly kind: FlowKind; readonly fields: Fields }[]): string {
  const [first] = kinds;
  if (kinds.every(({ fields }) => fields === first?.fields)) return first?.fields ?? '';
  return kinds.map(({ kind, fields }) => `${kind}:${fields}`).join('/');
}

const ENTRIES_SHOWN = 16;

function tableText(table: Uint16Array): string {
  return table.length <= ENTRIES_SHOWN ? table.join(':') : `(${table.length} entries)`;
}
