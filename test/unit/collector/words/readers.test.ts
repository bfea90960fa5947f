import { expect, test } from 'vitest';
import { readersByStack } from '../../../../src/collector/verdict/readers.ts';
import { readersText } from '../../../../src/collector/words/readers.ts';
import { READERS } from '../../../../src/model/reader.ts';

test('the text names the readers, and the stacks where they differ', () => {
  const said = (stacks: readonly string[]) => readersText(readersByStack(stacks));
  expect(said(['ipv4/udp/gre/ipv4/tcp'])).toBe('Zeek tracks the flow inside');
  expect(said(['nsh/ipv4/tcp', 'nsh/ipv6/udp'])).toBe('Suricata and Arkime track the flow inside');
  expect(said(['ipv4/udp/lisp/ipv4/tcp'])).toBe('none of Suricata, Zeek, Snort and Arkime tracks the flow inside');
  expect(said(['ipv4/udp/gre/ipv4/tcp', 'ipv4/udp/lisp/ipv4/tcp'])).toBe(
    'Zeek tracks the flow inside in ipv4/udp/gre/ipv4/tcp; none of Suricata, Zeek, Snort and Arkime tracks the flow inside in ipv4/udp/lisp/ipv4/tcp',
  );
  expect(said(['ipv4/tcp'])).toContain(READERS.slice(0, -1).join(', '));
});
