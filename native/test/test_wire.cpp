// Batches of observations: what is written is read, and what was not written so is refused without reading outside.
#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "core/wire/wire.hpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

std::vector<std::byte> written(const std::vector<Observation>& list, std::uint32_t member = 3,
                               std::uint32_t epoch = 7) {
  std::vector<std::byte> out(wire::batch_header_bytes + list.size() * wire::observation_bytes_max);
  wire::BatchWriter writer{out, member, epoch};
  for (const Observation& o : list) writer.append(o);
  out.resize(writer.finish());
  return out;
}

std::vector<Observation> some(std::uint32_t count, std::uint64_t seed) {
  Random random{seed};
  std::vector<Observation> out;
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(any_observation(random));
  return out;
}

bool same(const Observation& x, const Observation& y) {
  return x.tuple.src == y.tuple.src && x.tuple.dst == y.tuple.dst && x.tuple.src_port == y.tuple.src_port &&
         x.tuple.dst_port == y.tuple.dst_port && x.tuple.protocol == y.tuple.protocol &&
         x.tuple.family == y.tuple.family && x.stack == y.stack && x.kernel_key == y.kernel_key &&
         x.packets == y.packets && x.bytes == y.bytes && x.first_ns == y.first_ns && x.last_ns == y.last_ns &&
         x.marks == y.marks && x.tags == y.tags && x.content == y.content && x.datagram == y.datagram;
}

struct Batch {
  bool ok = false;
  std::uint32_t member = 0;
  std::uint32_t epoch = 0;
  std::size_t error_offset = 0;
  std::vector<Observation> observations;
};

// Reads from memory of exactly the message's size, so that the sanitizer sees one byte too many.
Batch read(std::span<const std::byte> message) {
  const auto copy = std::make_unique<std::byte[]>(message.size());
  std::copy(message.begin(), message.end(), copy.get());
  wire::BatchReader reader{{copy.get(), message.size()}};
  Batch out;
  for (Observation o; reader.next(o);) out.observations.push_back(o);
  out.ok = reader.ok();
  out.member = reader.member();
  out.epoch = reader.epoch();
  out.error_offset = reader.error_offset();
  CHECK(out.error_offset <= message.size());
  return out;
}

bool is_valid(const Observation& o) {
  return (o.tuple.family == 4 || o.tuple.family == 6) && (o.packets > 0 || o.datagram != 0) && o.first_ns <= o.last_ns;
}

Observation longest() {
  constexpr auto max = std::numeric_limits<std::uint64_t>::max();
  Observation o;
  o.tuple.family = 6;
  o.tuple.src.fill(0xff);
  o.tuple.dst.fill(0xff);
  o.tuple.src_port = o.tuple.dst_port = 0xffff;
  o.tuple.protocol = o.marks = 0xff;
  o.tags = 0xffff;
  o.stack = Stack{max};
  o.kernel_key = o.packets = o.bytes = o.first_ns = o.last_ns = o.datagram = max;
  o.content = 0xffffffff;
  return o;
}

}  // namespace

TEST(observations_come_back_as_they_were) {
  const auto list = some(2000, 1);
  const Batch batch = read(written(list, 65535, 4'000'000'000U));
  CHECK(batch.ok);
  CHECK_EQ(batch.member, 65535);
  CHECK_EQ(batch.epoch, 4'000'000'000U);
  if (!CHECK_EQ(batch.observations.size(), list.size())) return;
  for (std::size_t i = 0; i < list.size(); ++i) CHECK(same(batch.observations[i], list[i]));
}

TEST(every_width_of_an_integer_comes_back) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t value : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit}) {
      Observation o = longest();
      o.kernel_key = o.bytes = o.first_ns = value;
      const Batch batch = read(written({o}));
      if (CHECK(batch.ok && batch.observations.size() == 1)) CHECK(same(batch.observations[0], o));
    }
  }
}

TEST(an_empty_batch_is_valid) {
  const auto message = written({});
  CHECK_EQ(message.size(), wire::batch_header_bytes);
  const Batch batch = read(message);
  CHECK(batch.ok);
  CHECK(batch.observations.empty());
}

TEST(the_longest_observation_fits_exactly) {
  constexpr std::size_t room = wire::batch_header_bytes + 2 * wire::observation_bytes_max;
  std::vector<std::byte> buffer(room);
  wire::BatchWriter writer{buffer, 0xffffffff, 0xffffffff};
  std::uint32_t appended = 0;
  for (; writer.fits_another(); ++appended) writer.append(longest());
  CHECK_EQ(appended, 2);
  CHECK_EQ(writer.finish(), room);
  CHECK_EQ(read(buffer).observations.size(), 2);
  CHECK(!wire::BatchWriter{}.fits_another());
}

TEST(every_truncation_is_refused) {
  const auto message = written(some(20, 2));
  for (std::size_t length = 0; length < message.size(); ++length) {
    const Note note{"first " + std::to_string(length) + " bytes"};
    CHECK(!read(std::span{message}.first(length)).ok);
  }
}

TEST(bytes_behind_the_last_observation_are_refused) {
  for (const std::uint32_t count : {0U, 1U, 5U}) {
    auto message = written(some(count, 3));
    message.push_back(std::byte{0});
    CHECK(!read(message).ok);
  }
}

TEST(every_changed_byte_is_refused_or_valid) {
  const auto original = written(some(8, 4));
  std::size_t refused = 0;
  for (std::size_t at = 0; at < original.size(); ++at) {
    auto message = original;
    for (unsigned value = 0; value < 256; ++value) {
      message[at] = static_cast<std::byte>(value);
      const Batch batch = read(message);
      if (!batch.ok) ++refused;
      for (const Observation& o : batch.observations) CHECK(is_valid(o));
    }
  }
  // Types, lengths and counts are a good part of all bytes; changing one of those must not pass.
  CHECK(refused > original.size() * 256 / 20);
}

TEST(a_message_of_another_kind_or_shape_is_refused) {
  const auto good = written(some(1, 5));
  const auto with = [&](std::size_t at, unsigned value) {
    auto message = good;
    message[at] = static_cast<std::byte>(value);
    return message;
  };
  CHECK(read(good).ok);
  CHECK(!read(with(0, 0x93)).ok);                             // three fields
  CHECK(!read(with(1, wire::kind_observations + 1)).ok);      // another kind
  CHECK(!read(with(wire::batch_header_bytes - 1, 2)).ok);     // one observation more than there is
  CHECK(!read(with(wire::batch_header_bytes - 1, 0)).ok);     // one less
  CHECK(!read(with(wire::batch_header_bytes - 4, 0xff)).ok);  // four billion more
  CHECK(!read(with(wire::batch_header_bytes, 0x9b)).ok);      // eleven fields
  CHECK(!read(with(wire::batch_header_bytes + 2, 5)).ok);     // an address of five bytes
}

TEST(an_observation_that_cannot_be_is_refused) {
  Random random{6};
  Observation nothing = any_observation(random);
  nothing.packets = 0;
  CHECK(!read(written({nothing})).ok);
  Observation backwards = any_observation(random);
  backwards.first_ns = backwards.last_ns + 1;
  CHECK(!read(written({backwards})).ok);
}

TEST(integers_too_large_for_their_field_are_refused) {
  Observation o;
  o.tuple = tuple_of(0);
  o.packets = 1;
  o.last_ns = 1;
  o.tuple.src_port = 0x1234;
  auto message = written({o});
  // The source port follows two IPv4 addresses: a third byte of it would be silently lost.
  const std::size_t port = wire::batch_header_bytes + 1 + 2 * 6;
  CHECK_EQ(message[port], std::byte{0xcd});
  message[port] = std::byte{0xce};
  message.insert(message.begin() + static_cast<std::ptrdiff_t>(port) + 1, {std::byte{0}, std::byte{1}});
  CHECK(!read(message).ok);
  message[port + 2] = std::byte{0};
  CHECK(read(message).ok);
}

TEST(the_offset_of_an_error_says_which_observation) {
  const auto list = some(10, 7);
  auto message = written(list);
  const std::size_t ninth = written({list.begin(), list.begin() + 8}).size();
  message[ninth] = std::byte{0x90};
  const Batch batch = read(message);
  CHECK(!batch.ok);
  CHECK_EQ(batch.observations.size(), 8);
  CHECK(batch.error_offset >= ninth && batch.error_offset <= ninth + 1);
}
