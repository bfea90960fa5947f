// A control message in memory of its own, with all that it holds: read, written and compared.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/wire/msgpack.hpp"

namespace fanout::test {

struct Tree {
  msgpack::Value value{};  // of text and bytes without them: those are below
  std::vector<std::byte> octets{};
  std::vector<Tree> elements{};
};

struct TreeBuilder {
  using Built = Tree;
  [[nodiscard]] Tree leaf(const msgpack::Value& value) const {
    Tree out{value, {value.octets.begin(), value.octets.end()}, {}};
    out.value.octets = {};
    return out;
  }
  [[nodiscard]] Tree array(std::uint32_t count) const {
    return {{.kind = msgpack::Kind::array, .number = count}, {}, std::vector<Tree>(count)};
  }
  void set(Tree& array, std::uint32_t index, Tree& element) const { array.elements.at(index) = std::move(element); }
};

// Nothing unless the message is exactly one value.
inline std::optional<Tree> tree_of(std::span<const std::byte> message) {
  // A copy of its own, so that the sanitizer sees what is read beyond it.
  const std::vector<std::byte> copy(message.begin(), message.end());
  msgpack::Reader reader{copy};
  TreeBuilder builder;
  std::optional<Tree> out = msgpack::build(reader, builder);
  return reader.at_end() ? std::move(out) : std::nullopt;
}

inline void put(msgpack::Writer& out, const Tree& tree) {
  const msgpack::Value& value = tree.value;
  switch (value.kind) {
    case msgpack::Kind::null:
      return out.null();
    case msgpack::Kind::boolean:
      return out.boolean(value.number != 0);
    case msgpack::Kind::natural:
      return out.natural(value.number);
    case msgpack::Kind::negative:
      return out.real(static_cast<double>(static_cast<std::int64_t>(value.number)));
    case msgpack::Kind::real:
      return out.real(value.real);
    case msgpack::Kind::text:
      return out.text({reinterpret_cast<const char*>(tree.octets.data()), tree.octets.size()});
    case msgpack::Kind::bytes:
      return out.bytes(tree.octets);
    case msgpack::Kind::array:
      out.array(static_cast<std::uint32_t>(tree.elements.size()));
      for (const Tree& element : tree.elements) put(out, element);
  }
}

inline std::vector<std::byte> message_of(const Tree& tree) {
  msgpack::Writer out;
  put(out, tree);
  const auto bytes = std::as_bytes(std::span{out.message()});
  return {bytes.begin(), bytes.end()};
}

// As a number of JavaScript, which is what both ends make of them.
inline double number_of(const msgpack::Value& value) {
  if (value.kind == msgpack::Kind::negative) return static_cast<double>(static_cast<std::int64_t>(value.number));
  return value.kind == msgpack::Kind::natural ? static_cast<double>(value.number) : value.real;
}

inline bool is_number(const msgpack::Value& value) {
  return value.kind == msgpack::Kind::natural || value.kind == msgpack::Kind::negative ||
         value.kind == msgpack::Kind::real;
}

// Whether both say the same; a whole number may be an integer or not.
inline bool same(const Tree& x, const Tree& y) {
  if (is_number(x.value) && is_number(y.value)) {
    const double a = number_of(x.value), b = number_of(y.value);
    return a == b || (a != a && b != b);
  }
  if (x.value.kind != y.value.kind || x.value.number != y.value.number || x.octets != y.octets) return false;
  if (x.elements.size() != y.elements.size()) return false;
  for (std::size_t i = 0; i < x.elements.size(); ++i)
    if (!same(x.elements[i], y.elements[i])) return false;
  return true;
}

}  // namespace fanout::test
