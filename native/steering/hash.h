// Sums of products of 32-bit words, each with a key of its own: multilinear hashing, in which two inputs meet with a
// chance of 2^-32 as long as the keys are secret (Lemire and Kaser, "Strongly universal string hashing is fast").
// Of addresses in a row the sums are in a row, too, so that they are mixed in the end.
#pragma once

#include "options.h"

INLINE u32 mixed(u64 sum) {
  const u64 odd = 0xd6e8feb86659fd93;
  sum ^= sum >> 32;
  sum *= odd;
  sum ^= sum >> 32;
  sum *= odd;
  return (u32)(sum >> 32);
}

INLINE u64 sum_of_words(u64 words, u64 key, u64 other_key) { return (key + (u32)words) * (other_key + (words >> 32)); }

// The same for both directions.
INLINE u64 sum_of_pair4(u32 source, u32 destination) {
  const u32 low = source < destination ? source : destination, high = source < destination ? destination : source;
  return KEY0 + (KEY1 + low) * (KEY2 + high);
}

INLINE u64 sum_of_pair6(const u64* source, const u64* destination) {
  const int is_reverse = source[0] > destination[0] || (source[0] == destination[0] && source[1] > destination[1]);
  const u64 low0 = is_reverse ? destination[0] : source[0], low1 = is_reverse ? destination[1] : source[1];
  const u64 high0 = is_reverse ? source[0] : destination[0], high1 = is_reverse ? source[1] : destination[1];
  return KEY0 + sum_of_words(low0, KEY1, KEY2) + sum_of_words(low1, KEY5, KEY6) + sum_of_words(high0, KEY7, KEY8) +
         sum_of_words(high1, KEY9, KEY10);
}

// `ports` as they follow each other on the wire.
INLINE u64 with_ports(u64 sum, u32 ports, u32 protocol) {
  const u32 exchanged = ports << 16 | ports >> 16;
  return sum + (KEY3 + (ports < exchanged ? ports : exchanged)) * (KEY4 + protocol);
}
