/** An independent look at a packet: written without the builders, so that a mistake of theirs is not repeated here. */

export interface Seen {
  /** Layer names, as src/traffic/frames.ts and the dissector have them. */
  readonly stack: string;
  /** Of the innermost packet. An error is seen as what it is about, in its own direction. */
  readonly src: string;
  readonly dst: string;
  readonly ports: readonly [number, number];
  /** Of the outermost IP packet, as mode HASH would have it without looking inside; empty without IP. */
  readonly outer: { readonly src: string; readonly dst: string; readonly ports: readonly [number, number] };
  readonly flowLabel: number;
  readonly vlans: readonly number[];
  readonly labels: readonly number[];
  /** Security parameters index of the innermost ESP or AH. */
  readonly spi: number;
  /** A part of a datagram, whose transport header and checksum concern all parts together. */
  readonly fragment?: Fragment;
  /** The innermost packet ends where its transport header, the last of the stack, should begin. */
  readonly isCutOff: boolean;
  /** Every checksum and every length that is not right, by layer. */
  readonly faults: readonly string[];
}

export interface Fragment {
  readonly identification: number;
  readonly offset: number;
  readonly more: boolean;
  readonly payload: Uint8Array;
  readonly addresses: Uint8Array;
}

const TRANSPORT: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  58: 'icmp6',
  132: 'sctp',
  136: 'udplite',
};

const PORTLESS: Readonly<Record<number, string>> = { 50: 'esp', 108: 'ipcomp', 115: 'l2tp' };

/** Ones' complement sum with the carry added back at every step; a correct packet, its checksum included, gives 0xffff. */
function onesComplement(...parts: readonly Uint8Array[]): number {
  return parts.flatMap(words).reduce((sum, word) => ((sum + word) & 0xffff) + ((sum + word) >> 16), 0);
}

function words(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: Math.ceil(bytes.length / 2) }, (_, i) => (bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0));
}

/** Bit by bit, most significant first, as the polynomial is written in RFC 9260; the table-driven one is not used. */
export function crc32cBitwise(bytes: Uint8Array): number {
  let register = 0xffffffffn;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const out = ((register >> 31n) & 1n) ^ BigInt((byte >> bit) & 1);
      register = (register << 1n) & 0xffffffffn;
      if (out === 1n) register ^= 0x1edc6f41n;
    }
  }
  const reflected = register.toString(2).padStart(32, '0').split('').reverse().join('');
  return Number(BigInt(`0b${reflected}`) ^ 0xffffffffn);
}

function pseudoHeader(addresses: Uint8Array, protocol: number, length: number): Uint8Array {
  return Uint8Array.of(...addresses, 0, 0, length >> 8, length & 255, 0, protocol);
}

export function transportFault(protocol: number, addresses: Uint8Array, segment: Uint8Array): boolean {
  if (protocol === 132) {
    const zeroed = Uint8Array.from(segment);
    zeroed.fill(0, 8, 12);
    return Buffer.from(segment).readUInt32LE(8) !== crc32cBitwise(zeroed);
  }
  if (protocol === 1) return onesComplement(segment) !== 0xffff;
  const coverage = protocol === 136 ? (segment[4] ?? 0) * 256 + (segment[5] ?? 0) || segment.length : segment.length;
  if (protocol === 17 && segment[6] === 0 && segment[7] === 0) return addresses.length === 32;
  return onesComplement(pseudoHeader(addresses, protocol, segment.length), segment.subarray(0, coverage)) !== 0xffff;
}

function dotted(address: Uint8Array): string {
  return address.length === 4 ? address.join('.') : (Buffer.from(address).toString('hex').match(/.{4}/g) ?? []).join(':');
}

/** Unicast and locally administered, as the lab's are. */
function macLooksRight(frame: Buffer): boolean {
  return (frame.readUInt8(0) & 3) === 2 && (frame.readUInt8(6) & 3) === 2;
}

/** Takes a frame apart, layer by layer; every layer says what it found and goes on with what it holds. */
class Look {
  readonly names: string[] = [];
  readonly faults: string[] = [];
  readonly vlans: number[] = [];
  readonly labels: number[] = [];
  addresses: Uint8Array = new Uint8Array(0);
  ports: [number, number] = [0, 0];
  outer = { src: '', dst: '', ports: [0, 0] as [number, number] };
  flowLabel = 0;
  spi = 0;
  fragment: Fragment | undefined;
  isCutOff = false;

  expect(isRight: boolean, fault: string): void {
    if (!isRight) this.faults.push(fault);
  }

  ethernet(frame: Buffer, depth = 0): void {
    if (depth > 0) {
      this.names.push('eth');
      this.expect(macLooksRight(frame), 'inner MAC addresses');
    }
    this.network(frame.readUInt16BE(12), frame.subarray(14));
  }

  network(etherType: number, rest: Buffer): void {
    switch (etherType) {
      case 0x8100:
      case 0x88a8:
      case 0x9100:
      case 0x9200:
        this.names.push('vlan');
        this.vlans.push(rest.readUInt16BE(0) & 0xfff);
        return this.network(rest.readUInt16BE(2), rest.subarray(4));
      case 0x0800:
        return this.ipv4(rest);
      case 0x86dd:
        return this.ipv6(rest);
      case 0x8864:
        return this.pppoe(rest);
      case 0x8847:
        return this.mpls(rest, true);
      case 0x892f:
        this.names.push('hsr');
        this.expect(rest.readUInt16BE(0) === rest.length, 'hsr size');
        return this.network(rest.readUInt16BE(4), rest.subarray(6));
      case 0x4305:
        this.names.push('batman');
        this.expect(rest.readUInt16BE(0) === 0x400f && (rest.readUInt8(4) & 3) === 2, 'batman');
        return this.ethernet(rest.subarray(10), 1);
      case 0x8909:
        this.expect(rest.readUInt32BE(0) === 0x01010001, 'cisco metadata');
        return this.tagged('cmd', rest, 8);
      case 0x8926:
        this.expect((rest.readUInt16BE(0) & 0x3fff) + rest.readUInt16BE(2) > 0, 'vn-tag');
        return this.tagged('vntag', rest, 6);
      case 0x893f:
        return this.tagged('etag', rest, 8);
      case 0x8903:
        this.expect((rest.readUInt16BE(0) & 63) > 0, 'fabricpath');
        return this.wrapped('fabricpath', rest.subarray(2));
      case 0x88e7:
        return this.wrapped('pbb', rest.subarray(4));
      case 0x6559:
        return this.tagged('fr', rest, 4);
      case 0x894f:
        return this.nsh(rest);
      case 0x880b:
        this.names.push('ppp');
        this.expect(rest.readUInt16BE(0) === 0xff03, 'ppp address');
        return this.ppp(rest.readUInt16BE(2), rest.subarray(4));
      default:
        if (etherType < 1536 && rest.readUInt16BE(0) === 0xaaaa) return this.snap(etherType, rest);
        this.names.push('other');
        return this.other(etherType, rest);
    }
  }

  /** A tag whose last two octets are an ethertype. */
  tagged(name: string, rest: Buffer, bytes: number): void {
    this.names.push(name);
    this.network(rest.readUInt16BE(bytes - 2), rest.subarray(bytes));
  }

  wrapped(name: string, frame: Buffer): void {
    this.names.push(name);
    this.ethernet(frame, 1);
  }

  snap(length: number, rest: Buffer): void {
    this.names.push('snap');
    this.expect(length === rest.length, 'length in front of snap');
    this.expect(rest.readUIntBE(2, 4) === 0x03000000, 'snap');
    this.network(rest.readUInt16BE(6), rest.subarray(8));
  }

  nsh(rest: Buffer): void {
    this.names.push('nsh');
    const bytes = (rest.readUInt8(1) & 63) * 4;
    const type = rest.readUInt8(2);
    this.expect(rest.readUInt8(0) >> 6 === 0 && (type === 1 ? bytes === 24 : type === 2 && bytes >= 8), 'nsh');
    this.expect(rest.readUInt32BE(4) > 255, 'nsh path');
    const inner = rest.subarray(bytes);
    const next = rest.readUInt8(3);
    if (next === 1) return this.ipv4(inner);
    if (next === 2) return this.ipv6(inner);
    if (next === 3) return this.ethernet(inner, 1);
    if (next === 4) return this.nsh(inner);
    if (next === 5) return this.mpls(inner, true);
    this.names.push('other');
    this.expect(next === 0xfe, 'nsh next protocol');
  }

  wlan(frame: Buffer, control: number, flags: number): void {
    this.names.push('wlan');
    this.expect(control === 8 && (flags === 1 || flags === 2), 'wlan');
    const llc = frame.subarray(24);
    this.snap(llc.length, llc);
  }

  other(etherType: number, rest: Buffer): void {
    if (etherType === 0x0806) this.expect(rest.readUInt16BE(2) === 0x0800 && rest.readUInt16BE(4) === 0x0604, 'arp');
    else if (etherType === 0x8863) this.expect(rest.readUInt16BE(4) === rest.length - 6, 'pppoe length');
    else if (etherType < 1536) this.expect(rest.length >= etherType && rest.readUInt16BE(0) === 0x4242, '802.3 length');
    else if (etherType === 0x88e5) this.expect(rest.readUInt8(1) === (rest.length - 22 < 48 ? rest.length - 22 : 0), 'macsec length');
    else if (etherType === 0x88cc) this.lldp(rest);
    else if (etherType === 0x88ca) this.expect(rest.readUInt32BE(0) === 0x40c00000 + rest.length, 'tipc size');
    else this.expect(etherType === 0x88b5, `ethertype ${etherType}`);
  }

  lldp(rest: Buffer): void {
    let at = 0;
    const types: number[] = [];
    while (at + 2 <= rest.length) {
      types.push(rest.readUInt8(at) >> 1);
      at += 2 + (rest.readUInt16BE(at) & 0x1ff);
    }
    this.expect(at === rest.length && types.join() === '1,2,3,127', 'lldp');
  }

  ppp(protocol: number, rest: Buffer): void {
    if (protocol === 0x0021) return this.ipv4(rest);
    if (protocol === 0x0057) return this.ipv6(rest);
    this.names.push('other');
    if (protocol === 0x00fd) return this.expect(rest.readUInt8(0) >> 4 === 9, 'mppe');
    this.expect(protocol === 0xc021 && rest.readUInt16BE(2) === rest.length, 'lcp length');
  }

  pppoe(rest: Buffer): void {
    this.names.push('pppoe');
    this.expect(rest.readUInt16BE(0) === 0x1100 && rest.readUInt16BE(4) === rest.length - 6, 'pppoe length');
    this.ppp(rest.readUInt16BE(6), rest.subarray(8));
  }

  mpls(rest: Buffer, isFirst: boolean): void {
    if (isFirst) this.names.push('mpls');
    const word = rest.readUInt32BE(0);
    this.labels.push(word >>> 12);
    this.expect(word >>> 12 > 15, 'reserved label');
    const inner = rest.subarray(4);
    if ((word & 0x100) === 0) return this.mpls(inner, false);
    const nibble = inner.readUInt8(0) >> 4;
    if (nibble === 4) return this.ipv4(inner);
    if (nibble === 6) return this.ipv6(inner);
    if (nibble === 0) this.names.push('pw');
    this.ethernet(nibble === 0 ? inner.subarray(4) : inner, 1);
  }

  ipv4(packet: Buffer): void {
    this.names.push('ipv4');
    const headerBytes = (packet.readUInt8(0) & 15) * 4;
    this.expect(onesComplement(packet.subarray(0, headerBytes)) === 0xffff, 'ipv4');
    this.from(packet.subarray(12, 20), 0);
    if (packet.readUInt16BE(2) === headerBytes) {
      // What follows is the trailer of the frame.
      this.isCutOff = true;
      this.names.push(TRANSPORT[packet.readUInt8(9)] ?? 'other');
      return;
    }
    this.expect(packet.readUInt8(0) >> 4 === 4 && packet.readUInt16BE(2) === packet.length, 'ipv4 length');
    const payload = packet.subarray(headerBytes);
    const word = packet.readUInt16BE(6);
    const [offset, more] = [(word & 0x1fff) * 8, (word & 0x2000) !== 0];
    if (offset === 0 && !more) return this.transport(packet.readUInt8(9), payload);
    this.expect((word & 0x4000) === 0, "don't fragment, and yet");
    this.part({ identification: packet.readUInt16BE(4), offset, more, payload, addresses: this.addresses }, packet.readUInt8(9));
  }

  ipv6(packet: Buffer): void {
    this.names.push('ipv6');
    this.expect(packet.readUInt8(0) >> 4 === 6 && packet.readUInt16BE(4) === packet.length - 40, 'ipv6 length');
    this.from(packet.subarray(8, 40), packet.readUInt32BE(0) & 0xfffff);
    let [next, header] = [packet.readUInt8(6), 40];
    while ([0, 43, 60].includes(next)) {
      // Of a routing header nothing is left to do: its segment is where the packet goes.
      if (next === 43) this.expect(packet.subarray(header + 8, header + 24).equals(packet.subarray(24, 40)), 'segment');
      [next, header] = [packet.readUInt8(header), header + 8 + packet.readUInt8(header + 1) * 8];
    }
    if (next !== 44) return this.transport(next, packet.subarray(header));
    const word = packet.readUInt16BE(header + 2);
    const identification = packet.readUInt32BE(header + 4);
    const payload = packet.subarray(header + 8);
    this.part(
      { identification, offset: word & 0xfff8, more: (word & 1) !== 0, payload, addresses: this.addresses },
      packet.readUInt8(header),
    );
  }

  from(addresses: Buffer, flowLabel: number): void {
    const isOutermost = this.addresses.length === 0;
    this.addresses = addresses;
    if (!isOutermost) return;
    this.flowLabel = flowLabel;
    this.outer = { ...ends(addresses), ports: [0, 0] };
  }

  part(fragment: Fragment, protocol: number): void {
    this.names.push('frag');
    if (fragment.offset === 0 && !fragment.more) return this.transport(protocol, Buffer.from(fragment.payload));
    this.fragment = fragment;
    this.expect(!fragment.more || fragment.payload.length % 8 === 0, 'fragment length');
    if (fragment.offset > 0) return;
    this.names.push(TRANSPORT[protocol] ?? String(protocol));
    const header = Buffer.from(fragment.payload);
    this.ports = [header.readUInt16BE(0), header.readUInt16BE(2)];
  }

  transport(protocol: number, segment: Buffer): void {
    switch (protocol) {
      case 4:
        return this.ipv4(segment);
      case 41:
        return this.ipv6(segment);
      case 47:
        return this.gre(segment);
      case 51:
        return this.ah(segment);
      case 97:
        this.names.push('etherip');
        this.expect([0x3000, 0x0300].includes(segment.readUInt16BE(0)), 'etherip');
        return this.ethernet(segment.subarray(2), 1);
      case 143:
        return this.wrapped('srv6l2', segment);
      case 137:
        return this.mpls(segment, true);
      default:
        return TRANSPORT[protocol] === undefined ? this.portless(protocol, segment) : this.ported(protocol, segment);
    }
  }

  portless(protocol: number, segment: Buffer): void {
    this.names.push(PORTLESS[protocol] ?? 'other');
    if (protocol === 50) this.spi = segment.readUInt32BE(0);
    // Of OSPF the eight bytes of authentication are not covered; here they are zero.
    if (protocol === 89) this.expect(segment.readUInt16BE(2) === segment.length, 'ospf length');
    if (protocol === 2) this.expect(segment.length === 16 + 4 * segment.readUInt16BE(10), 'igmp length');
    if (protocol === 2 || protocol === 89) this.expect(onesComplement(segment) === 0xffff, String(protocol));
  }

  ah(segment: Buffer): void {
    this.names.push('ah');
    this.spi = segment.readUInt32BE(4);
    this.transport(segment.readUInt8(0), segment.subarray((segment.readUInt8(1) + 2) * 4));
  }

  gre(segment: Buffer): void {
    const [flags, type] = [segment.readUInt16BE(0), segment.readUInt16BE(2)];
    if (type === 0x6400) return this.eoip(flags, segment);
    if ((flags & 7) === 1) return this.pptp(flags, segment);
    if ((flags & 0x8000) !== 0) this.expect(onesComplement(segment) === 0xffff, 'gre');
    const routed = (flags & 0x4000) === 0 ? 0 : 12;
    if (routed > 0) this.expect(flags === 0x4000 && segment.readUInt32BE(8) === 0x08000004 && segment.readUInt32BE(16) === 0, 'route');
    const headerBytes = 4 + routed + [0xc000, 0x2000, 0x1000].filter((flag) => (flags & flag) !== 0).length * 4;
    const inner = segment.subarray(headerBytes);
    this.names.push(type === 0x6558 && flags === 0x2000 ? 'nvgre' : 'gre');
    if (type === 0x6558) return this.ethernet(inner, 1);
    if (type === 0x8200) return this.wlan(inner, inner.readUInt8(0), inner.readUInt8(1));
    if (type !== 0x88be && type !== 0x22eb) return this.network(type, inner);
    this.names.push('erspan');
    const erspanBytes = type === 0x22eb ? 12 : (flags & 0x1000) !== 0 ? 8 : 0;
    if (erspanBytes > 0) this.expect(inner.readUInt8(0) >> 4 === (type === 0x22eb ? 2 : 1), 'erspan version');
    this.ethernet(inner.subarray(erspanBytes), 1);
  }

  eoip(flags: number, segment: Buffer): void {
    this.expect(flags === 0x2001 && segment.readUInt16BE(4) === segment.length - 8, 'eoip length');
    this.wrapped('eoip', segment.subarray(8));
  }

  pptp(flags: number, segment: Buffer): void {
    this.names.push('gre', 'ppp');
    this.expect(flags === 0x3081 && segment.readUInt16BE(4) === segment.length - 16, 'pptp length');
    this.expect(segment.readUInt16BE(16) === 0xff03, 'ppp address');
    this.ppp(segment.readUInt16BE(18), segment.subarray(20));
  }

  ported(protocol: number, segment: Buffer): void {
    const name = TRANSPORT[protocol] ?? '';
    this.names.push(name);
    this.expect(!transportFault(protocol, this.addresses, segment), name);
    if (protocol === 17) this.expect(segment.readUInt16BE(4) === segment.length, 'udp length');
    if (name === 'icmp' || name === 'icmp6') return this.icmp(name, segment);
    this.ports = [segment.readUInt16BE(0), segment.readUInt16BE(2)];
    if (this.outer.ports[0] === 0) this.outer.ports = this.ports;
    if (protocol === 17) this.datagram(segment.subarray(8));
  }

  icmp(name: 'icmp' | 'icmp6', segment: Buffer): void {
    const type = segment.readUInt8(0);
    this.ports = [segment.readUInt16BE(4), segment.readUInt16BE(4)];
    if ((name === 'icmp' ? [8, 0] : [128, 129]).includes(type)) return;
    const quoted = new Look();
    if (name === 'icmp') quoted.ipv4(segment.subarray(8));
    else quoted.ipv6(segment.subarray(8));
    this.names.push(...quoted.names);
    this.faults.push(...quoted.faults.map((fault) => `quoted ${fault}`));
    const half = quoted.addresses.length / 2;
    const receiver = Buffer.from(this.addresses.subarray(half));
    this.expect(receiver.equals(quoted.addresses.subarray(0, half)), 'an error not to the sender');
    this.addresses = Buffer.concat([quoted.addresses.subarray(half), quoted.addresses.subarray(0, half)]);
    this.ports = [quoted.ports[1], quoted.ports[0]];
  }

  datagram(payload: Buffer): void {
    switch (Math.min(...this.ports)) {
      case 4789:
        this.names.push('vxlan');
        if (payload.readUInt8(0) === 0x88) this.expect(payload.readUInt16BE(2) > 0 && payload.readUInt8(7) === 0x5a, 'policy');
        else this.expect(payload.readUInt32BE(0) === 0x08000000 && payload.readUInt8(7) === 0, 'vxlan');
        return this.ethernet(payload.subarray(8), 1);
      case 4790: {
        this.names.push('vxlan');
        const next = payload.readUInt32BE(0) - 0x0c000000;
        return this.network({ 1: 0x0800, 2: 0x86dd, 4: 0x894f }[next] ?? 0, payload.subarray(8));
      }
      case 4754:
        return this.gre(payload);
      case 6635:
        return this.mpls(payload, true);
      case 4341:
        this.names.push('lisp');
        this.expect(payload.readUInt8(0) === 0x80 && payload.readUInt32BE(4) === 1, 'lisp');
        return this.network(payload.readUInt8(8) >> 4 === 4 ? 0x0800 : 0x86dd, payload.subarray(8));
      case 5072:
        this.names.push('ayiya');
        this.expect(payload.readUIntBE(0, 3) === 0x415211, 'ayiya');
        return this.transport(payload.readUInt8(3), payload.subarray(44));
      case 5247:
        this.names.push('capwap');
        if (payload.readUInt32BE(0) === 0x00104300) return this.wlan(payload.subarray(8), payload.readUInt8(9), payload.readUInt8(8));
        this.expect(payload.readUInt32BE(0) === 0x00104200, 'capwap');
        return this.ethernet(payload.subarray(8), 1);
      case 3386:
        this.names.push('gtpu');
        this.expect(payload.readUInt16BE(0) === 0x1eff && payload.readUInt16BE(2) === payload.length - 20, 'gtp length');
        return this.network(payload.readUInt8(20) >> 4 === 4 ? 0x0800 : 0x86dd, payload.subarray(20));
      case 6081:
        this.names.push('geneve');
        this.expect(payload.readUInt16BE(2) === 0x6558, 'geneve');
        return this.ethernet(payload.subarray(8 + (payload.readUInt8(0) & 63) * 4), 1);
      case 2152:
        return this.gtpu(payload);
      case 1701:
        this.names.push('l2tp', 'ppp');
        this.expect(payload.readUInt16BE(0) === 0x4002 && payload.readUInt16BE(2) === payload.length, 'l2tp length');
        return this.ppp(payload.readUInt16BE(10), payload.subarray(12));
      case 3544:
        this.names.push('teredo');
        return this.ipv6(payload);
      default:
        return undefined;
    }
  }

  gtpu(payload: Buffer): void {
    this.names.push('gtpu');
    this.expect(payload.readUInt8(1) === 0xff && payload.readUInt16BE(2) === payload.length - 8, 'gtpu length');
    const isExtended = (payload.readUInt8(0) & 7) !== 0;
    if (isExtended)
      this.expect(payload.readUInt8(11) === 0x85 && payload.readUInt8(12) === 1 && payload.readUInt8(15) === 0, 'gtpu extension');
    const inner = payload.subarray(isExtended ? 16 : 8);
    if (inner.readUInt8(0) >> 4 === 4) this.ipv4(inner);
    else this.ipv6(inner);
  }
}

function ends(addresses: Uint8Array): { src: string; dst: string } {
  const half = addresses.length / 2;
  return half === 0 ? { src: '', dst: '' } : { src: dotted(addresses.subarray(0, half)), dst: dotted(addresses.subarray(half)) };
}

export function lookAt(frame: Uint8Array): Seen {
  const look = new Look();
  look.ethernet(Buffer.from(frame));
  const { names, ports, outer, flowLabel, vlans, labels, spi, fragment, isCutOff, faults, addresses } = look;
  const part = fragment === undefined ? {} : { fragment };
  return { stack: names.join('/'), ...ends(addresses), ports, outer, flowLabel, vlans, labels, spi, ...part, isCutOff, faults };
}

/** Whether two parts make one UDP datagram, its checksum right. */
export function isWholeDatagram(front: Fragment, rear: Fragment): boolean {
  const datagram = Buffer.concat([front.payload, rear.payload]);
  const { addresses } = front;
  const isJoined = front.offset === 0 && front.more && !rear.more && rear.offset === front.payload.length;
  return (
    isJoined &&
    front.identification === rear.identification &&
    datagram.readUInt16BE(4) === datagram.length &&
    !transportFault(17, addresses, datagram)
  );
}
