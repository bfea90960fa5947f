/** What commands that set an interface make of it, as far as facts show it. */
import type { NicFacts } from '../../src/nic/facts.ts';
import { isTold } from '../../src/nic/facts.ts';
import { evenly, told } from './nics.ts';

const LONG_NAMES: Readonly<Record<string, string>> = {
  gro: 'generic-receive-offload',
  lro: 'large-receive-offload',
  rxhash: 'receive-hashing',
  ntuple: 'ntuple-filters',
};

/** @param line command lines, with && between them */
export function applied(facts: NicFacts, line: string): NicFacts {
  return line.split(' && ').reduce(setBy, facts);
}

function setBy(facts: NicFacts, line: string): NicFacts {
  const words = line.split(' ');
  const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
  switch (words.slice(0, 2).join(' ')) {
    case 'ethtool -X':
      return withHash(facts, after);
    case 'ethtool -N':
      return { ...facts, hashFields: { ...facts.hashFields, [words[4] ?? '']: told(words[5] ?? '') } };
    case 'ethtool -L':
      return withQueues(facts, Number(words[4]));
    case 'ethtool -K':
      return withFeatures(facts, words.slice(3));
    case 'ethtool -G':
      return { ...facts, rings: told({ rx: Number(words[4]), rxMost: Number(words[4]) }) };
    case 'ethtool --set-priv-flags':
      return { ...facts, privateFlags: told({ [words[3] ?? '']: words[4] === 'on' }) };
    case 'systemctl disable':
      return { ...facts, irqbalance: told(false) };
    case 'sysctl -w': {
      const [name, value] = (words[2] ?? '').split('=');
      return { ...facts, [name === 'net.core.rps_sock_flow_entries' ? 'rfsEntries' : 'backlogMax']: told(Number(value)) };
    }
    case 'ip link': {
      const { link } = facts;
      if (!isTold(link)) return facts;
      const value = words.includes('promisc') ? { ...link.value, promiscuity: 1 } : { ...link.value, isUp: true, hasCarrier: true };
      return { ...facts, link: told(value) };
    }
    default:
      return written(facts, line);
  }
}

function withHash(facts: NicFacts, after: (word: string) => string | undefined): NicFacts {
  if (!isTold(facts.rss)) return facts;
  const { key, hashFunction, table, inputTransform } = facts.rss.value;
  const queues = after('equal');
  return {
    ...facts,
    rss: told({
      hashFunction: after('hfunc') ?? hashFunction,
      key: after('hkey') ?? key,
      table: queues === undefined ? table : evenly(Number(queues), table?.length),
      inputTransform: (after('xfrm') as 'symmetric-or-xor' | undefined) ?? inputTransform,
    }),
  };
}

function withQueues(facts: NicFacts, used: number): NicFacts {
  const { rss, queues, rps, irqs } = facts;
  const all = Array.from({ length: used }, (_, queue) => queue);
  const before = isTold(rps) ? rps.value : [];
  const first = isTold(irqs) ? irqs.value[0] : undefined;
  return {
    ...facts,
    queues: told({ used, most: isTold(queues) ? queues.value.most : null }),
    ...(isTold(rss) ? { rss: told({ ...rss.value, table: evenly(used, rss.value.table?.length) }) } : {}),
    rps: told(all.map((queue) => before.find((one) => one.queue === queue) ?? { queue, rpsCpus: [], flowCount: 0 })),
    irqs: told(
      all.map((queue) => ({ ...first, irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: first?.cpus ?? [queue], effective: [queue] })),
    ),
  };
}

function withFeatures(facts: NicFacts, words: readonly string[]): NicFacts {
  const set = words.flatMap((word, i) => (i % 2 === 0 ? [[LONG_NAMES[word] ?? word, words[i + 1] === 'on'] as const] : []));
  return { ...facts, features: told({ ...(isTold(facts.features) ? facts.features.value : {}), ...Object.fromEntries(set) }) };
}

function written(facts: NicFacts, line: string): NicFacts {
  const [, value = '', path = ''] = /^echo (\S+) > (\S+)$/.exec(line) ?? [];
  if (path.endsWith('/threaded')) return { ...facts, threadedNapi: told(value !== '0') };
  const irq = /^\/proc\/irq\/(\d+)\//.exec(path)?.[1];
  if (irq !== undefined && isTold(facts.irqs)) {
    const moved = facts.irqs.value.map((one) =>
      one.irq === Number(irq) ? { ...one, cpus: [Number(value)], effective: [Number(value)] } : one,
    );
    return { ...facts, irqs: told(moved) };
  }
  const queue = /\/queues\/rx-(\d+)\/rps_cpus$/.exec(path)?.[1];
  if (queue === undefined || !isTold(facts.rps)) throw new TypeError(`${line} is no command that doctor advises`);
  const mask = BigInt(`0x${value.replaceAll(',', '')}`);
  const rpsCpus = Array.from({ length: 64 }, (_, cpu) => cpu).filter((cpu) => (mask >> BigInt(cpu)) & 1n);
  return { ...facts, rps: told(facts.rps.value.map((one) => (one.queue === Number(queue) ? { ...one, rpsCpus } : one))) };
}
