#include "core/wire/msgpack.hpp"

#include <bit>
#include <cmath>

namespace fanout::msgpack {
namespace {

// Type bytes of the specification. Where widths of 1, 2, 4 and 8 bytes follow one another, the first is named.
constexpr unsigned fixarray = 0x90, fixtext = 0xa0, nil = 0xc0, no = 0xc2, yes = 0xc3, bytes8 = 0xc4, bytes32 = 0xc6,
                   real32 = 0xca, real64 = 0xcb, natural8 = 0xcc, natural64 = 0xcf, integer8 = 0xd0, integer64 = 0xd3,
                   text8 = 0xd9, text32 = 0xdb, array16 = 0xdc, array32 = 0xdd, fixnegative = 0xe0;

Value signed_value(std::int64_t value) noexcept {
  return {.kind = value < 0 ? Kind::negative : Kind::natural, .number = static_cast<std::uint64_t>(value)};
}

}  // namespace

bool Reader::big_endian(unsigned width, std::uint64_t& value) noexcept {
  if (room() < width) return false;
  value = 0;
  for (unsigned i = 0; i < width; ++i) value = value << 8 | std::to_integer<std::uint64_t>(message_[offset_++]);
  return true;
}

std::optional<Value> Reader::natural(unsigned width) noexcept {
  Value out{.kind = Kind::natural};
  if (!big_endian(width, out.number)) return std::nullopt;
  return out;
}

std::optional<Value> Reader::integer(unsigned width) noexcept {
  std::uint64_t n = 0;
  if (!big_endian(width, n)) return std::nullopt;
  const unsigned unused = 64 - 8 * width;
  return signed_value(static_cast<std::int64_t>(n << unused) >> unused);
}

std::optional<Value> Reader::octets(Kind kind, std::uint64_t size) noexcept {
  if (room() < size) return std::nullopt;
  const Value out{.kind = kind, .octets = message_.subspan(offset_, size)};
  offset_ += size;
  return out;
}

std::optional<Value> Reader::sized(Kind kind, unsigned width) noexcept {
  std::uint64_t size = 0;
  if (!big_endian(width, size)) return std::nullopt;
  return kind == Kind::array ? array(size) : octets(kind, size);
}

std::optional<Value> Reader::array(std::uint64_t count) noexcept {
  // Each element takes a byte at least: a larger number is a lie, and somebody might allocate for it.
  if (count > room()) return std::nullopt;
  return Value{.kind = Kind::array, .number = count};
}

std::optional<Value> Reader::next() noexcept {
  std::uint64_t n = 0;
  if (!big_endian(1, n)) return std::nullopt;
  const auto type = static_cast<unsigned>(n);
  if (type < 0x80) return Value{.kind = Kind::natural, .number = type};
  if (type >= fixnegative) return signed_value(static_cast<std::int8_t>(type));
  if ((type & 0xf0) == fixarray) return array(type & 0x0f);
  if ((type & 0xe0) == fixtext) return octets(Kind::text, type & 0x1f);
  if (type == nil) return Value{};
  if (type == no || type == yes) return Value{.kind = Kind::boolean, .number = type - no};
  if (type >= bytes8 && type <= bytes32) return sized(Kind::bytes, 1U << (type - bytes8));
  if (type >= natural8 && type <= natural64) return natural(1U << (type - natural8));
  if (type >= integer8 && type <= integer64) return integer(1U << (type - integer8));
  if (type >= text8 && type <= text32) return sized(Kind::text, 1U << (type - text8));
  if (type == array16 || type == array32) return sized(Kind::array, 2U << (type - array16));
  if (type == real32 && big_endian(4, n))
    return Value{.kind = Kind::real, .real = std::bit_cast<float>(static_cast<std::uint32_t>(n))};
  if (type == real64 && big_endian(8, n)) return Value{.kind = Kind::real, .real = std::bit_cast<double>(n)};
  return std::nullopt;
}

void Writer::big_endian(std::uint64_t value, unsigned width) {
  for (unsigned i = width; i-- > 0;) put(static_cast<unsigned>(value >> (8 * i) & 0xff));
}

void Writer::size(unsigned type8, std::size_t size) {
  const unsigned step = size <= 0xff ? 0 : size <= 0xffff ? 1 : 2;
  put(type8 + step);
  big_endian(size, 1U << step);
}

void Writer::null() { put(nil); }

void Writer::boolean(bool value) { put(value ? yes : no); }

void Writer::natural(std::uint64_t value) {
  if (value < 0x80) return put(static_cast<unsigned>(value));
  const unsigned step = value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
  put(natural8 + step);
  big_endian(value, 1U << step);
}

void Writer::real(double value) {
  constexpr double exact = 9007199254740992.0;  // 2^53
  const bool is_whole = value >= -exact && value <= exact && value == std::floor(value);
  if (is_whole && value >= 0) return natural(static_cast<std::uint64_t>(value));
  put(is_whole ? integer64 : real64);
  big_endian(
      is_whole ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) : std::bit_cast<std::uint64_t>(value), 8);
}

void Writer::text(std::string_view value) {
  if (value.size() < 32)
    put(static_cast<unsigned>(fixtext + value.size()));
  else
    size(text8, value.size());
  out_ += value;
}

void Writer::bytes(std::span<const std::byte> value) {
  size(bytes8, value.size());
  out_.append(reinterpret_cast<const char*>(value.data()), value.size());
}

void Writer::array(std::uint32_t count) {
  if (count < 16) return put(fixarray + count);
  put(array32);
  big_endian(count, 4);
}

}  // namespace fanout::msgpack
