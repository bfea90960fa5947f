// IEEE 802.11: data frames that are not encrypted, as Ethernet frames of the packets they carry.
#include "core/capture_file/link_bytes.hpp"

namespace fanout {
namespace {

using Bytes = std::span<const std::byte>;

// The frame control field: two octets.
constexpr unsigned version_and_type_bits = 0x0f, data_frame = 0x08;
constexpr unsigned without_data = 0x40, with_qos = 0x80;
constexpr unsigned to_ds = 0x01, from_ds = 0x02, is_protected = 0x40, with_ht_control = 0x80;

constexpr std::size_t header_bytes = 24, fourth_address_bytes = 6, qos_bytes = 2, ht_control_bytes = 4;
constexpr std::size_t sequence_at = 22;
constexpr unsigned fragment_number = 0x0f;
constexpr unsigned aggregated = 0x80;  // in the first octet of the QoS field

// Destination, source, length; then the same as in a frame of its own.
constexpr std::size_t subframe_header_bytes = 14;

// Some drivers align the body to four octets, and say so outside the frame.
LinkFrame of_data(Bytes packet, bool is_aligned) noexcept {
  if (packet.size() < header_bytes) return refused(Convertible::cut);
  const unsigned control = link_octet(packet, 0), flags = link_octet(packet, 1);
  if ((control & version_and_type_bits) != data_frame || (control & without_data) != 0)
    return refused(Convertible::protocol);
  // Only the first fragment begins with a header; of the others nobody knows what they are without it.
  if ((link_octet(packet, sequence_at) & fragment_number) != 0) return refused(Convertible::protocol);
  if ((flags & is_protected) != 0) return refused(Convertible::encrypted);
  std::size_t at = header_bytes;
  if ((flags & to_ds) != 0 && (flags & from_ds) != 0) at += fourth_address_bytes;
  bool is_aggregated = false;
  if ((control & with_qos) != 0) {
    if (packet.size() < at + qos_bytes) return refused(Convertible::cut);
    is_aggregated = (link_octet(packet, at) & aggregated) != 0;
    at += qos_bytes;
    if ((flags & with_ht_control) != 0) at += ht_control_bytes;
  }
  if (is_aligned) at = (at + 3) / 4 * 4;
  if (packet.size() < at) return refused(Convertible::cut);
  return is_aggregated ? next_aggregated(packet.subspan(at)) : of_llc(packet.subspan(at));
}

struct Radiotap {
  std::size_t bytes = 0;  // of all of it; 0: it contradicts itself
  bool has_check_sequence = false;
  bool is_aligned = false;
};

// https://www.radiotap.org: version, length and one or more words of what is present; fields follow in their order,
// each on its natural alignment. Only the second of them is of interest.
Radiotap read_radiotap(Bytes packet) noexcept {
  constexpr std::uint32_t clock_present = 0x1, flags_present = 0x2, another_word = 0x8000'0000;
  constexpr unsigned check_sequence = 0x10, aligned = 0x20;
  constexpr std::size_t fixed_bytes = 8, clock_bytes = 8;
  const std::size_t bytes = link_le16(packet, 2);
  if (link_octet(packet, 0) != 0 || bytes < fixed_bytes || bytes > packet.size()) return {};
  const std::uint32_t present = link_le32(packet, 4);
  std::size_t at = fixed_bytes;
  for (std::uint32_t word = present; (word & another_word) != 0; at += 4) {
    if (at + 4 > bytes) return {};
    word = link_le32(packet, at);
  }
  Radiotap out{.bytes = bytes};
  if ((present & clock_present) != 0) at = (at + clock_bytes - 1) / clock_bytes * clock_bytes + clock_bytes;
  if ((present & flags_present) == 0 || at >= bytes) return out;
  const unsigned flags = link_octet(packet, at);
  out.has_check_sequence = (flags & check_sequence) != 0;
  out.is_aligned = (flags & aligned) != 0;
  return out;
}

}  // namespace

LinkFrame next_aggregated(Bytes subframes) noexcept {
  if (subframes.size() < subframe_header_bytes) return refused(Convertible::cut);
  const std::size_t bytes = link_be16(subframes, 12);
  const Bytes body = subframes.subspan(subframe_header_bytes);
  LinkFrame out = of_llc(body.first(std::min(bytes, body.size())));
  // Padded to a multiple of four, but for the last one. What is shorter than a header is the check sequence, or the
  // padding.
  const std::size_t behind = (subframe_header_bytes + bytes + 3) / 4 * 4;
  if (behind + subframe_header_bytes <= subframes.size()) out.more = subframes.subspan(behind);
  return out;
}

LinkFrame of_radio(Bytes packet) noexcept { return of_data(packet, false); }

LinkFrame of_radiotap(Bytes packet) noexcept {
  constexpr std::size_t fixed_bytes = 8, check_sequence_bytes = 4;
  if (packet.size() < fixed_bytes) return refused(Convertible::cut);
  const Radiotap header = read_radiotap(packet);
  if (header.bytes == 0) return refused(Convertible::cut);
  Bytes frame = packet.subspan(header.bytes);
  if (header.has_check_sequence && frame.size() >= check_sequence_bytes)
    frame = frame.first(frame.size() - check_sequence_bytes);
  return of_data(frame, header.is_aligned);
}

// Big endian throughout: version, and the length of the header.
LinkFrame of_avs(Bytes packet) noexcept {
  constexpr std::size_t fixed_bytes = 8;
  if (packet.size() < fixed_bytes) return refused(Convertible::cut);
  const std::uint32_t bytes = link_be32(packet, 4);
  return bytes < fixed_bytes || bytes > packet.size() ? refused(Convertible::cut) : of_radio(packet.subspan(bytes));
}

// A message number and the length of the header, in the byte order of the host that captured. Drivers put the header of
// AVS in its place as well.
LinkFrame of_prism(Bytes packet) noexcept {
  constexpr std::size_t fixed_bytes = 8;
  constexpr std::uint32_t avs_magic = 0x8021'1000, avs_version_bits = 0xff;
  if (packet.size() < fixed_bytes) return refused(Convertible::cut);
  if ((link_be32(packet, 0) & ~avs_version_bits) == avs_magic) return of_avs(packet);
  const std::uint32_t little = link_le32(packet, 4);
  const std::uint32_t bytes = little > 0xffff ? link_be32(packet, 4) : little;
  return bytes < fixed_bytes || bytes > packet.size() ? refused(Convertible::cut) : of_radio(packet.subspan(bytes));
}

}  // namespace fanout
