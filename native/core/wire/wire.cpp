#include "core/wire/wire.hpp"

#include <bit>
#include <cstring>
#include <limits>

namespace fanout::wire {
namespace {

// Type bytes of the msgpack specification.
constexpr std::uint8_t fixarray = 0x90, array16 = 0xdc, array32 = 0xdd;
constexpr std::uint8_t bin8 = 0xc4;
constexpr std::uint8_t uint8 = 0xcc, uint16 = 0xcd, uint32 = 0xce, uint64 = 0xcf;

template <typename T>
void store_big_endian(std::byte* at, T value) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
  }
  std::memcpy(at, &value, sizeof value);
}

template <typename T>
std::byte* put(std::byte* at, std::uint8_t type, T value) noexcept {
  *at = std::byte{type};
  store_big_endian(at + 1, value);
  return at + 1 + sizeof value;
}

// The shortest form, as the specification asks of writers.
std::byte* put_uint(std::byte* at, std::uint64_t value) noexcept {
  if (value < 0x80) {
    *at = static_cast<std::byte>(value);
    return at + 1;
  }
  if (value <= std::numeric_limits<std::uint8_t>::max()) return put(at, uint8, static_cast<std::uint8_t>(value));
  if (value <= std::numeric_limits<std::uint16_t>::max()) return put(at, uint16, static_cast<std::uint16_t>(value));
  if (value <= std::numeric_limits<std::uint32_t>::max()) return put(at, uint32, static_cast<std::uint32_t>(value));
  return put(at, uint64, value);
}

std::byte* put_address(std::byte* at, const Address& address, std::uint8_t family) noexcept {
  const std::uint8_t length = family == 4 ? 4 : 16;
  at[0] = std::byte{bin8};
  at[1] = std::byte{length};
  std::memcpy(at + 2, address.data(), length);
  return at + 2 + length;
}

constexpr std::size_t count_offset = batch_header_bytes - 4;

}  // namespace

BatchWriter::BatchWriter(std::span<std::byte> buffer, std::uint32_t member, std::uint32_t epoch) noexcept
    : buffer_(buffer), length_(batch_header_bytes) {
  std::byte* at = buffer_.data();
  *at++ = std::byte{fixarray | 4};
  *at++ = std::byte{kind_observations};
  // Fixed widths, so that the count can be written when it is known.
  at = put(at, uint32, member);
  at = put(at, uint32, epoch);
  put(at, array32, std::uint32_t{0});
}

void BatchWriter::append(const Observation& o) noexcept {
  std::byte* const start = buffer_.data() + length_;
  std::byte* at = start;
  *at++ = std::byte{fixarray | observation_fields};
  at = put_address(at, o.tuple.src, o.tuple.family);
  at = put_address(at, o.tuple.dst, o.tuple.family);
  at = put_uint(at, o.tuple.src_port);
  at = put_uint(at, o.tuple.dst_port);
  at = put_uint(at, o.tuple.protocol);
  at = put_uint(at, o.stack.packed());
  at = put_uint(at, o.kernel_key);
  at = put_uint(at, o.marks);
  at = put_uint(at, o.tags);
  at = put_uint(at, o.packets);
  at = put_uint(at, o.bytes);
  at = put_uint(at, o.first_ns);
  at = put_uint(at, o.last_ns);
  at = put_uint(at, o.content);
  at = put_uint(at, o.datagram);
  length_ += static_cast<std::size_t>(at - start);
  ++count_;
}

std::size_t BatchWriter::finish() noexcept {
  store_big_endian(buffer_.data() + count_offset, count_);
  return length_;
}

BatchReader::BatchReader(std::span<const std::byte> message) noexcept : message_(message) {
  std::uint64_t fields = 0;
  std::uint64_t kind = 0;
  std::uint64_t count = 0;
  ok_ = read_array(fields) && fields == 4 && read_uint(kind, 0xff) && kind == kind_observations && read_into(member_) &&
        read_into(epoch_) && read_array(count);
  remaining_ = static_cast<std::uint32_t>(count);
  // An observation takes more than one byte: a larger count is a lie that would only cost time to disprove.
  if (ok_ && count > message_.size() - offset_) ok_ = false;
  if (ok_ && count == 0 && offset_ != message_.size()) ok_ = false;
}

bool BatchReader::fail() noexcept {
  ok_ = false;
  return false;
}

bool BatchReader::next(Observation& o) noexcept {
  if (!ok_ || remaining_ == 0) return false;
  std::uint64_t fields = 0;
  std::uint64_t stack = 0;
  std::uint8_t dst_family = 0;
  const bool read = read_array(fields) && fields == observation_fields && read_address(o.tuple.src, o.tuple.family) &&
                    read_address(o.tuple.dst, dst_family) && dst_family == o.tuple.family &&
                    read_into(o.tuple.src_port) && read_into(o.tuple.dst_port) && read_into(o.tuple.protocol) &&
                    read_into(stack) && read_into(o.kernel_key) && read_into(o.marks) && read_into(o.tags) &&
                    read_into(o.packets) && read_into(o.bytes) && read_into(o.first_ns) && read_into(o.last_ns) &&
                    read_into(o.content) && read_into(o.datagram);
  // Only of a datagram there may be news without packets.
  if (!read || (o.packets == 0 && o.datagram == 0) || o.last_ns < o.first_ns) return fail();
  o.stack = Stack{stack};
  if (--remaining_ == 0 && offset_ != message_.size()) return fail();
  return true;
}

bool BatchReader::read_array(std::uint64_t& count) noexcept {
  if (offset_ >= message_.size()) return false;
  const auto type = static_cast<std::uint8_t>(message_[offset_]);
  std::size_t width = 0;
  if ((type & 0xf0) == fixarray)
    count = type & 0x0f;
  else if (type == array16)
    width = 2;
  else if (type == array32)
    width = 4;
  else
    return false;
  if (message_.size() - offset_ - 1 < width) return false;
  if (width != 0) {
    count = 0;
    for (std::size_t i = 0; i < width; ++i) count = count << 8 | static_cast<std::uint8_t>(message_[offset_ + 1 + i]);
  }
  offset_ += 1 + width;
  return true;
}

bool BatchReader::read_uint(std::uint64_t& value, std::uint64_t max) noexcept {
  if (offset_ >= message_.size()) return false;
  const auto type = static_cast<std::uint8_t>(message_[offset_]);
  if (type < 0x80) {
    value = type;
    ++offset_;
    return value <= max;
  }
  if (type < uint8 || type > uint64) return false;
  const std::size_t width = std::size_t{1} << (type - uint8);
  const std::size_t room = message_.size() - offset_ - 1;
  if (room < width) return false;
  const std::byte* const at = message_.data() + offset_ + 1;
  if (room >= sizeof(std::uint64_t) && std::endian::native == std::endian::little) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    value = __builtin_bswap64(word) >> (64 - 8 * width);
  } else {
    value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<std::uint8_t>(at[i]);
  }
  offset_ += 1 + width;
  return value <= max;
}

template <typename T>
bool BatchReader::read_into(T& value) noexcept {
  std::uint64_t wide = 0;
  if (!read_uint(wide, std::numeric_limits<T>::max())) return false;
  value = static_cast<T>(wide);
  return true;
}

bool BatchReader::read_address(Address& address, std::uint8_t& family) noexcept {
  if (message_.size() - offset_ < 2 || message_[offset_] != std::byte{bin8}) return false;
  const auto length = static_cast<std::size_t>(message_[offset_ + 1]);
  if ((length != 4 && length != 16) || message_.size() - offset_ - 2 < length) return false;
  address = {};
  std::memcpy(address.data(), message_.data() + offset_ + 2, length);
  family = length == 4 ? 4 : 6;
  offset_ += 2 + length;
  return true;
}

}  // namespace fanout::wire
