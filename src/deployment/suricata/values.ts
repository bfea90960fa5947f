/** Values as Suricata's sources read them (conf.c, util-byte.c). Pure. */

/** Everything else is no, whatever it looks like. */
export function isTrue(text: string): boolean {
  return /^(?:1|yes|true|on)$/i.test(text);
}

export function isBoolean(text: string): boolean {
  return isTrue(text) || /^(?:0|no|false|off)$/i.test(text);
}

/** StringParseUint16 of base 10, of the whole text. */
export function uint16(text: string): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= 65535 ? value : undefined;
}

/** strtoimax of base 0, of the whole text: 0x is hexadecimal, and a leading 0 octal. */
export function integer(text: string): number | undefined {
  const match = /^\s*([+-]?)(?:0[xX]([\da-fA-F]{1,13})|(0[0-7]{0,17})|([1-9]\d{0,15}))$/.exec(text);
  if (match === null) return undefined;
  const [, sign, hexadecimal, octal, decimal] = match;
  const size = decimal === undefined ? Number.parseInt(hexadecimal ?? octal ?? '', hexadecimal === undefined ? 8 : 16) : Number(decimal);
  return sign === '-' ? -size : size;
}
