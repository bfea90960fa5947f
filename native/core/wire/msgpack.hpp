// The msgpack of control messages: arrays, integers, numbers, text, bytes, booleans and null, nothing else.
// Observations have a reader and a writer of their own (wire.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fanout::msgpack {

// Arrays in arrays: no message of ours is nested half as deep.
inline constexpr unsigned depth_max = 8;

enum class Kind : std::uint8_t { null, boolean, natural, negative, real, text, bytes, array };

// One value. Of an array only how many elements follow.
struct Value {
  Kind kind = Kind::null;
  // Of a natural number; of a negative one its two's complement; 0 or 1; elements.
  std::uint64_t number = 0;
  double real = 0;
  // Where the text or the bytes are in the message.
  std::span<const std::byte> octets{};
};

// Reads a message front to back without copying it.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> message) noexcept : message_(message) {}

  // Nothing at the end, and where the bytes are no value of the kinds above or not all of it is there.
  [[nodiscard]] std::optional<Value> next() noexcept;
  [[nodiscard]] bool at_end() const noexcept { return offset_ == message_.size(); }

 private:
  [[nodiscard]] std::size_t room() const noexcept { return message_.size() - offset_; }
  [[nodiscard]] bool big_endian(unsigned width, std::uint64_t& value) noexcept;
  [[nodiscard]] std::optional<Value> natural(unsigned width) noexcept;
  [[nodiscard]] std::optional<Value> integer(unsigned width) noexcept;
  [[nodiscard]] std::optional<Value> octets(Kind kind, std::uint64_t size) noexcept;
  [[nodiscard]] std::optional<Value> sized(Kind kind, unsigned width) noexcept;
  [[nodiscard]] std::optional<Value> array(std::uint64_t count) noexcept;

  std::span<const std::byte> message_;
  std::size_t offset_ = 0;
};

// What the next value is to the builder: `leaf(value)`, or `array(count)` and then `set(array, index, element)` for
// each element. Nothing where the message is malformed or nested too deep.
template <typename Builder>
std::optional<typename Builder::Built> build(Reader& reader, Builder& builder, unsigned depth = 0) {
  const std::optional<Value> value = reader.next();
  if (!value) return std::nullopt;
  if (value->kind != Kind::array) return builder.leaf(*value);
  if (depth >= depth_max) return std::nullopt;
  typename Builder::Built array = builder.array(static_cast<std::uint32_t>(value->number));
  for (std::uint32_t i = 0; i < value->number; ++i) {
    auto element = build(reader, builder, depth + 1);
    if (!element) return std::nullopt;
    builder.set(array, i, *element);
  }
  return array;
}

// Appends values. Integers take the shortest form, signed or not. The caller that announces an array appends its
// elements.
class Writer {
 public:
  void null();
  void boolean(bool value);
  void natural(std::uint64_t value);
  void real(double value);
  void text(std::string_view value);
  void bytes(std::span<const std::byte> value);
  void array(std::uint32_t count);

  [[nodiscard]] const std::string& message() const noexcept { return out_; }

 private:
  void put(unsigned octet) { out_.push_back(static_cast<char>(octet)); }
  void big_endian(std::uint64_t value, unsigned width);
  void size(unsigned type8, std::size_t size);

  std::string out_;
};

}  // namespace fanout::msgpack
