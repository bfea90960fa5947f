// The lab tag: what every generated frame carries, so that the truth about it is known packet by packet. This is the
// one description of its layout; src/traffic/tag.ts writes it, the addon exports these constants, and a test holds the
// two together.
//
//   offset  size  field
//        0     4  magic      also the 32-bit experiment id (RFC 6994) where the tag travels as a TCP option
//        4     4  flow       index of the flow in the generator's truth
//        8     1  direction  0 forward, 1 reverse, by the order of the canonical flow key
//        9     1  guard kind 0 complement, 1 crc32c
//       10     2  zero
//       12     4  sequence   number of the send, modulo 2^32; written by the injector at every send
//       16     4  guard      keeps the checksum over the packet the same, whatever the sequence
//
// Big endian, on an even offset from the start of its transport header. Where it is: first in the payload, in an
// experimental option of TCP segments without payload, in a padding or cookie field of SCTP control chunks.
//
// Why a guard: frames are sent again and again with other sequences, and a checksum that had to be found and recomputed
// under every encapsulation would cost more than the send. A word and its complement add up to zero in ones' complement
// arithmetic, which settles IP, TCP, UDP, UDP-Lite, DCCP and ICMP. SCTP has a CRC: four bytes equal to the register
// that the sequence left behind bring it back to zero, and a CRC is linear, so what precedes the tag does not matter.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace fanout::lab_tag {

inline constexpr std::uint32_t magic = 0x46434c54;
inline constexpr std::size_t bytes = 20;
inline constexpr std::size_t flow_offset = 4;
inline constexpr std::size_t direction_offset = 8;
inline constexpr std::size_t guard_kind_offset = 9;
inline constexpr std::size_t sequence_offset = 12;
inline constexpr std::size_t guard_offset = 16;

enum class Guard : std::uint8_t { complement = 0, crc32c = 1 };

namespace detail {

consteval std::array<std::uint32_t, 256> make_crc32c_table() {
  constexpr std::uint32_t polynomial = 0x82f63b78;  // Castagnoli, reflected (RFC 9260, appendix A)
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t r = i;
    for (int bit = 0; bit < 8; ++bit) r = (r >> 1) ^ ((r & 1) != 0 ? polynomial : 0);
    table[i] = r;
  }
  return table;
}
inline constexpr auto crc32c_table = make_crc32c_table();

constexpr std::uint32_t big_endian(std::uint32_t value) noexcept {
  return std::endian::native == std::endian::big ? value : __builtin_bswap32(value);
}

}  // namespace detail

// The CRC register that four bytes leave behind when it was zero before them, in the order in which its bytes cancel
// it.
constexpr std::array<std::uint8_t, 4> crc32c_guard(std::uint32_t sequence) noexcept {
  std::uint32_t r = 0;
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    r = (r >> 8) ^ detail::crc32c_table[(r ^ (sequence >> (shift - 8))) & 0xff];
  }
  return {static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(r >> 8), static_cast<std::uint8_t>(r >> 16),
          static_cast<std::uint8_t>(r >> 24)};
}

[[nodiscard]] inline bool present_at(std::span<const std::byte> frame, std::size_t offset) noexcept {
  if (offset > frame.size() || frame.size() - offset < bytes) return false;
  std::uint32_t found = 0;
  std::memcpy(&found, frame.data() + offset, sizeof found);
  return found == detail::big_endian(magic);
}

// `tag` points to the first of at least `bytes` bytes.
inline void patch_sequence(std::byte* tag, std::uint32_t sequence) noexcept {
  const std::uint32_t wire = detail::big_endian(sequence);
  std::memcpy(tag + sequence_offset, &wire, sizeof wire);
  if (static_cast<Guard>(tag[guard_kind_offset]) == Guard::crc32c) {
    const auto guard = crc32c_guard(sequence);
    std::memcpy(tag + guard_offset, guard.data(), guard.size());
  } else {
    const std::uint32_t guard = ~wire;
    std::memcpy(tag + guard_offset, &guard, sizeof guard);
  }
}

}  // namespace fanout::lab_tag
