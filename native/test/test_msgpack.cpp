// Control messages: every form of a value is read, the shortest is written, and what is no message is refused without
// reading outside.
#include <limits>
#include <string>
#include <vector>

#include "core/wire/msgpack.hpp"
#include "test/check.hpp"
#include "test/generate.hpp"
#include "test/message_tree.hpp"
#include "test/packets.hpp"

using namespace fanout;
using namespace fanout::test;
using msgpack::Kind;

namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte octet : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    out += digits[std::to_integer<unsigned>(octet) >> 4];
    out += digits[std::to_integer<unsigned>(octet) & 15];
  }
  return out;
}

Tree leaf(Kind kind, std::uint64_t number = 0, double real = 0) {
  return {{.kind = kind, .number = number, .real = real}, {}, {}};
}

Tree integer(std::int64_t value) {
  return leaf(value < 0 ? Kind::negative : Kind::natural, static_cast<std::uint64_t>(value));
}

Tree any_tree(Random& random, unsigned depth) {
  const std::uint32_t kind = random.below(depth < msgpack::depth_max ? 8 : 7);
  switch (kind) {
    case 0:
      return leaf(Kind::null);
    case 1:
      return leaf(Kind::boolean, random.below(2));
    case 2:
      return leaf(Kind::natural, random.of_any_size());
    // Only those are ever written that a JavaScript number holds.
    case 3:
      return integer(-1 - static_cast<std::int64_t>(random.of_any_size() >> 11));
    case 4:
      return leaf(Kind::real, 0, static_cast<double>(random.next()) / 65536);
    case 5:
    case 6: {
      Tree out = leaf(kind == 5 ? Kind::text : Kind::bytes);
      const std::uint32_t size = random.one_in(20) ? random.below(70'000) : random.below(300);
      for (std::uint32_t i = 0; i < size; ++i) out.octets.push_back(static_cast<std::byte>(random.below(256)));
      return out;
    }
    default: {
      Tree out = leaf(Kind::array);
      const std::uint32_t count = random.below(depth == 0 ? 40 : 4);
      for (std::uint32_t i = 0; i < count; ++i) out.elements.push_back(any_tree(random, depth + 1));
      out.value.number = count;
      return out;
    }
  }
}

}  // namespace

TEST(every_form_is_read) {
  const struct {
    Octets message;
    Tree expected;
  } rows[]{
      {octets({0x00}), integer(0)},
      {octets({0x7f}), integer(127)},
      {octets({0xff}), integer(-1)},
      {octets({0xe0}), integer(-32)},
      {octets({0xc0}), leaf(Kind::null)},
      {octets({0xc2}), leaf(Kind::boolean, 0)},
      {octets({0xc3}), leaf(Kind::boolean, 1)},
      {octets({0xcc, 0xff}), integer(255)},
      {octets({0xcd, 1, 2}), integer(0x102)},
      {octets({0xce, 0xff, 0xff, 0xff, 0xff}), integer(0xffffffff)},
      {octets({0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), leaf(Kind::natural, ~std::uint64_t{0})},
      {octets({0xd0, 0x80}), integer(-128)},
      {octets({0xd0, 0x7f}), integer(127)},
      {octets({0xd1, 0x80, 0}), integer(-32768)},
      {octets({0xd2, 0x80, 0, 0, 0}), integer(std::numeric_limits<std::int32_t>::min())},
      {octets({0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}), integer(std::numeric_limits<std::int64_t>::min())},
      {octets({0xca, 0x3f, 0xc0, 0, 0}), leaf(Kind::real, 0, 1.5)},
      {octets({0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0}), leaf(Kind::real, 0, 1.5)},
      {octets({0xa2, 'h', 'i'}), {{.kind = Kind::text}, octets({'h', 'i'}), {}}},
      {octets({0xd9, 2, 'h', 'i'}), {{.kind = Kind::text}, octets({'h', 'i'}), {}}},
      {octets({0xda, 0, 1, 'h'}), {{.kind = Kind::text}, octets({'h'}), {}}},
      {octets({0xdb, 0, 0, 0, 1, 'h'}), {{.kind = Kind::text}, octets({'h'}), {}}},
      {octets({0xc4, 1, 9}), {{.kind = Kind::bytes}, octets({9}), {}}},
      {octets({0xc5, 0, 1, 9}), {{.kind = Kind::bytes}, octets({9}), {}}},
      {octets({0xc6, 0, 0, 0, 1, 9}), {{.kind = Kind::bytes}, octets({9}), {}}},
      {octets({0x91, 0xc0}), {{.kind = Kind::array, .number = 1}, {}, {leaf(Kind::null)}}},
      {octets({0xdc, 0, 1, 5}), {{.kind = Kind::array, .number = 1}, {}, {integer(5)}}},
      {octets({0xdd, 0, 0, 0, 1, 5}), {{.kind = Kind::array, .number = 1}, {}, {integer(5)}}},
      {octets({0xdd, 0, 0, 0, 0}), {{.kind = Kind::array}, {}, {}}},
  };
  for (const auto& [message, expected] : rows) {
    const Note note{hex(message)};
    const auto got = tree_of(message);
    if (CHECK(got.has_value())) {
      CHECK(got->value.kind == expected.value.kind);
      CHECK(same(*got, expected));
    }
    // Neither a byte less is a message, nor one more.
    CHECK(!tree_of(std::span{message}.first(message.size() - 1)));
    Octets longer = message;
    longer.push_back(std::byte{0});
    CHECK(!tree_of(longer));
  }
}

TEST(the_shortest_form_is_written) {
  const auto written = [](const Tree& tree) { return hex(message_of(tree)); };
  CHECK_EQ(written(integer(127)), "7f");
  CHECK_EQ(written(integer(128)), "cc80");
  CHECK_EQ(written(integer(0x100)), "cd0100");
  CHECK_EQ(written(integer(0x10000)), "ce00010000");
  CHECK_EQ(written(integer(0x100000000)), "cf0000000100000000");
  CHECK_EQ(written(integer(-1)), "d3ffffffffffffffff");
  CHECK_EQ(written(leaf(Kind::real, 0, 5)), "05");
  CHECK_EQ(written(leaf(Kind::real, 0, 1.5)), "cb3ff8000000000000");
  CHECK_EQ(written(leaf(Kind::real, 0, 9007199254740992.0)), "cf0020000000000000");
  CHECK_EQ(written(leaf(Kind::real, 0, 1e300)), "cb7e37e43c8800759c");
  CHECK_EQ(written({{.kind = Kind::text}, Octets(31), {}}).substr(0, 2), "bf");
  CHECK_EQ(written({{.kind = Kind::text}, Octets(32), {}}).substr(0, 4), "d920");
  CHECK_EQ(written({{.kind = Kind::text}, Octets(256), {}}).substr(0, 6), "da0100");
  CHECK_EQ(written({{.kind = Kind::bytes}, Octets(0x10000), {}}).substr(0, 10), "c600010000");
  CHECK_EQ(written({{.kind = Kind::array}, {}, std::vector<Tree>(15)}).substr(0, 2), "9f");
  CHECK_EQ(written({{.kind = Kind::array}, {}, std::vector<Tree>(16)}).substr(0, 10), "dd00000010");
}

TEST(what_is_written_is_read) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    const Tree tree = any_tree(random, 0);
    const auto got = tree_of(message_of(tree));
    if (CHECK(got.has_value())) CHECK(same(*got, tree));
  }
}

TEST(what_is_no_message_is_refused) {
  const struct {
    const char* what;
    Octets message;
  } rows[]{
      {"nothing", {}},
      {"the byte that is never used", octets({0xc1})},
      {"a map", octets({0x81, 1, 1})},
      {"an extension", octets({0xd4, 1, 1})},
      {"text longer than the message", octets({0xdb, 0xff, 0xff, 0xff, 0xff, 1})},
      {"bytes longer than the message", octets({0xc4, 2, 1})},
      {"four billion elements", octets({0xdd, 0xff, 0xff, 0xff, 0xff, 1})},
      {"an element that is missing", octets({0x92, 1})},
      {"half a length", octets({0xdc, 0})},
      {"half a number", octets({0xcb, 0, 0, 0})},
  };
  for (const auto& [what, message] : rows) {
    const Note note{what};
    CHECK(!tree_of(message));
  }
}

TEST(nesting_is_bounded) {
  for (const unsigned depth : {msgpack::depth_max, msgpack::depth_max + 1, 60'000U}) {
    Octets message(depth, std::byte{0x91});
    message.push_back(std::byte{0});
    CHECK_EQ(tree_of(message).has_value(), depth <= msgpack::depth_max);
  }
}
