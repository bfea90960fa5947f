// Later fragments do not say of what flow they are. Where a flow is more than its addresses, they follow the first one.
#pragma once

#include "hash.h"

enum { fragments_max = 65536, reassembly_seconds = 30 };

struct first_piece {
  u32 hash;    // where it went
  u32 second;  // when
};

struct {
  int (*type)[BPF_MAP_TYPE_LRU_HASH];
  int (*max_entries)[fragments_max];
  u64* key;
  struct first_piece* value;
} fc_fragments SECTION(".maps");

INLINE u32 second_now(void) { return (u32)(nanoseconds() >> 30); }

// Zero: not known.
INLINE u32 recall(u64 datagram) {
  const struct first_piece* const found = map_lookup(&fc_fragments, &datagram);
  return found != 0 && second_now() - found->second <= reassembly_seconds ? found->hash : 0;
}

INLINE void remember(u64 datagram, u32 hash) {
  const struct first_piece value = {hash, second_now()};
  map_update(&fc_fragments, &datagram, &value, BPF_ANY);
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
