// Later fragments do not say of what flow they are. They follow the first one, where a flow is more
// than its addresses, or a tunnel came in pieces. What is noted of the first one, each program says for itself.
#pragma once

#include "hash.h"

enum { fragments_max = 65536, reassembly_seconds = 30 };

INLINE u32 second_now(void) { return (u32)(nanoseconds() >> 30); }

INLINE int is_recent(u32 second) { return second_now() - second <= reassembly_seconds; }

// An identification comes again, on a busy pair of hosts within seconds: what was noted of the datagram that had it
// before must not stay. A deletion locks, a look does not, and there is rarely anything.
INLINE void forget(void* first_pieces, u64 datagram) {
  if (UNLIKELY(map_lookup(first_pieces, &datagram) != 0)) map_delete(first_pieces, &datagram);
}

// RFC 791: addresses, protocol and identification.
INLINE u64 datagram4(u32 source, u32 destination, u32 identification, u32 protocol) {
  return KEY4 + (KEY5 + source) * (KEY6 + destination) + (KEY7 + identification) * (KEY8 + protocol);
}

// RFC 8200: addresses and identification. `addresses` are source and destination.
INLINE u64 datagram6(const u64* addresses, u32 identification) {
  return KEY0 + sum_of_words(addresses[0], KEY3, KEY5) + sum_of_words(addresses[1], KEY6, KEY7) +
         sum_of_words(addresses[2], KEY8, KEY9) + sum_of_words(addresses[3], KEY10, KEY2) +
         (KEY4 + identification) * KEY1;
}
