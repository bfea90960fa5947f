// What a sender who knows this program, but not the seed of a run, can do to its hashes: nothing. Each word of what is
// hashed is made equal to each public constant in turn; if a factor of a product became zero, what is in the other
// factor would not count.
#include <array>
#include <cstring>
#include <set>
#include <string>

#include "core/evidence/flow_map.hpp"
#include "core/packet/dissect.hpp"
#include "core/worker/flow_cache.hpp"
#include "test/check.hpp"
#include "test/generate.hpp"
#include "test/packets.hpp"

namespace fanout {

struct FlowMapProbe {
  static std::uint64_t digest(const FlowMap& map, const FlowKey& key) { return map.digest_of(key); }
};

}  // namespace fanout

using namespace fanout;
using namespace fanout::test;

namespace {

constexpr std::array constants{first_mix_constant, second_mix_constant};
constexpr unsigned others = 256;
constexpr std::array fills{std::uint64_t{0}, ~std::uint64_t{0}};

// So many different ones of as many inputs: 64 bits have no accidental collision among a few hundred.
void expect_all_differ(const std::set<std::uint64_t>& digests, std::size_t inputs) { CHECK_EQ(digests.size(), inputs); }

// `digest_of(words)` of inputs in which one word is a constant, one other takes many values, and all that is left are
// zeros, or ones, so that the constant is in the smaller address of a pair, and in the larger.
template <std::size_t words, typename DigestOf>
void expect_no_word_switches_off(DigestOf&& digest_of, std::uint64_t rest) {
  for (std::size_t fixed = 0; fixed < words; ++fixed) {
    for (const std::uint64_t constant : constants) {
      for (std::size_t varied = 0; varied < words; ++varied) {
        if (varied == fixed) continue;
        const Note note{"word " + std::to_string(fixed) + " fixed, " + std::to_string(varied) + " varied"};
        std::set<std::uint64_t> digests;
        for (std::uint64_t value = 0; value < others; ++value) {
          std::array<std::uint64_t, words> input;
          input.fill(rest);
          input[fixed] = constant;
          input[varied] = value * 0x9e3779b97f4a7c15ULL;
          digests.insert(digest_of(input));
        }
        expect_all_differ(digests, others);
      }
    }
  }
}

}  // namespace

TEST(no_word_of_a_key_switches_the_flow_maps_digest_off) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto map = FlowMap::create({.members = 2, .flows_max = 64, .sights_max = 64, .fragments_max = 64},
                                     HashSeed{Random{seed}.next()});
    if (!CHECK(map)) return;
    const auto digest_of = [&](const std::array<std::uint64_t, 5>& words) {
      FlowKey key;
      std::memcpy(static_cast<void*>(&key), words.data(), sizeof key);
      return FlowMapProbe::digest(*map, key);
    };
    for (const std::uint64_t rest : fills) expect_no_word_switches_off<5>(digest_of, rest);
  }
}

TEST(no_octets_of_an_ipv6_packet_switch_its_digests_off) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const HashSeed secret{Random{seed}.next()};
    for (const bool of_kernel : {false, true}) {
      const auto digest_of = [&](const std::array<std::uint64_t, 4>& words) {
        Octets frame = (eth() / ipv6("::", "::") / udp(1, 2)).bytes();
        std::memcpy(frame.data() + 14 + 8, words.data(), sizeof words);
        const Dissection packet = dissect(frame, {}, secret);
        return of_kernel ? packet.kernel_key : packet.flow_hash;
      };
      for (const std::uint64_t rest : fills) expect_no_word_switches_off<4>(digest_of, rest);
    }
  }
}

// Of a packet's content: length and identification, then twelve octets of the transport header.
TEST(no_octets_of_a_packet_switch_its_rank_off) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const HashSeed secret{Random{seed}.next()};
    for (const std::uint64_t constant : constants) {
      std::set<std::uint64_t> ranks;
      for (unsigned id = 0; id < others; ++id) {
        Octets frame = (eth() / ipv4("10.0.0.1", "10.0.0.2", {.id = id}) / tcp(1, 2)).bytes();
        std::memcpy(frame.data() + 14 + 20 + 4, &constant, sizeof constant);
        ranks.insert(rank_of(frame, dissect(frame, {}, secret), secret));
      }
      // A rank has 22 bits, of which the first six are small for most packets.
      CHECK(ranks.size() > others - 8);
    }
  }
}

TEST(no_stack_switches_the_caches_hash_off) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const HashSeed secret{Random{seed}.next()};
    for (const std::uint64_t constant : constants) {
      std::set<std::uint64_t> by_flow, by_stack;
      for (std::uint64_t value = 0; value < others; ++value) {
        Dissection packet;
        packet.flow_hash = value * 0x9e3779b97f4a7c15ULL;
        packet.stack = Stack{constant};
        by_flow.insert(FlowCache::hash_of(packet, secret));
        packet.flow_hash = constant;
        packet.stack = Stack{value};
        by_stack.insert(FlowCache::hash_of(packet, secret));
      }
      expect_all_differ(by_flow, others);
      expect_all_differ(by_stack, others);
    }
  }
}

// The seed is what is secret: what collides under one does not under another.
TEST(the_seed_decides_every_digest) {
  std::set<std::uint64_t> digests, flow_hashes, kernel_keys;
  Octets frame = (eth() / ipv6("2001:db8::1", "2001:db8::2") / udp(1, 2)).bytes();
  for (std::uint64_t seed = 1; seed <= others; ++seed) {
    const HashSeed secret{Random{seed}.next()};
    const auto map = FlowMap::create({.members = 2, .flows_max = 64, .sights_max = 64, .fragments_max = 64}, secret);
    if (!CHECK(map)) return;
    const Dissection packet = dissect(frame, {}, secret);
    digests.insert(FlowMapProbe::digest(*map, packet.key));
    flow_hashes.insert(packet.flow_hash);
    kernel_keys.insert(packet.kernel_key);
  }
  expect_all_differ(digests, others);
  expect_all_differ(flow_hashes, others);
  expect_all_differ(kernel_keys, others);
}
