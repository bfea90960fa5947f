import { expect, test } from 'vitest';
import { bareWord } from '../../../src/commands/bare-word.ts';

const COMMANDS = ['run', 'compare', 'matrix', 'predict', 'churn', 'scale', 'race'];
const HERE = { isInterface: (word: string) => word === 'eth0' || word === 'rase', isFile: (word: string) => word.endsWith('.pcap') };

test.each([
  ['eth0', /^"eth0" is an interface/, /-i eth0$/],
  // What exists is meant rather than what is only like a command.
  ['rase', /is an interface/, /-i rase$/],
  ['trace.pcap', /^"trace.pcap" is a file/, /--pcap trace.pcap, or .*predict trace.pcap$/],
  ['compre', /^there is no command "compre"$/, /did you mean: fanout-cluster compare$/],
  ['matrix2', /no command/, /fanout-cluster matrix$/],
  ['doctor', /^there is no command "doctor", nor an interface or a file of that name$/, /run, compare, matrix/],
  ['x'.repeat(100_000), /no command/, /commands are/],
  ['', /no command ""/, /commands are/],
])('%.20j', (word, message, remedy) => {
  const error = bareWord(word, COMMANDS, HERE);
  expect(error.code).toBe('USAGE');
  expect(error.message).toMatch(message);
  expect(error.remedy).toMatch(remedy);
});

test('an interface of this namespace is found', () => {
  expect(bareWord('lo', COMMANDS).remedy).toBe('capture there: -i lo');
});
