// What one packet costs, by mix of traffic: `make -C native/test bench`. Prints the median of several rounds and their spread.
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "dissect.hpp"
#include "packets.hpp"

namespace fanout::test {
namespace {

struct Flow {
  std::string low, high;
  unsigned low_port, high_port;
};

Flow random_flow(std::mt19937& random, bool ipv6) {
  const auto number = [&] { return std::to_string(random() % 250); };
  const auto address4 = [&] { return "10." + number() + "." + number() + "." + number(); };
  const auto address6 = [&] { return "2001:db8::" + number() + ":" + number(); };
  if (ipv6) return {address6(), address6(), 1024 + static_cast<unsigned>(random() % 60000), 443};
  return {address4(), address4(), 1024 + static_cast<unsigned>(random() % 60000), 443};
}

struct Mix {
  const char* name;
  unsigned ipv6_percent, udp_percent, vlan_percent, qinq_percent;
};

Octets random_packet(std::mt19937& random, const Mix& mix) {
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  const bool six = chance(mix.ipv6_percent);
  Flow flow = random_flow(random, six);
  if (chance(50)) {
    std::swap(flow.low, flow.high);
    std::swap(flow.low_port, flow.high_port);
  }
  Packet packet = eth();
  if (chance(mix.qinq_percent))
    packet = packet / vlan(1, ETH_P_8021AD) / vlan(2);
  else if (chance(mix.vlan_percent))
    packet = packet / vlan(1);
  packet = packet / (six ? ipv6(flow.low, flow.high) : ipv4(flow.low, flow.high));
  packet = packet / (chance(mix.udp_percent) ? udp(flow.low_port, flow.high_port) : tcp(flow.low_port, flow.high_port));
  return (packet / payload(random() % 64)).bytes();
}

struct Cost {
  double ns, cycles;
};

Cost round(const std::vector<std::span<const std::byte>>& frames, unsigned repeats, std::uint64_t& sink) {
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t tsc = __rdtsc();
  for (unsigned i = 0; i < repeats; ++i) {
    // Stored, as the capture thread does with a batch, so that no field can be optimised away.
    Dissection batch[32];
    for (std::size_t at = 0; at < frames.size(); ++at) {
      new (&batch[at % 32]) Dissection(dissect(frames[at], {}, {}));
      if (at % 32 == 31) asm volatile("" : : "r"(batch) : "memory");
    }
    sink += batch[0].flow_hash;
  }
  const double packets = static_cast<double>(frames.size()) * repeats;
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - begin;
  return {elapsed.count() / packets, static_cast<double>(__rdtsc() - tsc) / packets};
}

void measure(const Mix& mix) {
  constexpr unsigned packets = 16384, rounds = 9, repeats = 20;
  std::mt19937 random{1};
  // One after the other in memory, as in a ring block, and few enough for the cache: this measures the parser, not the memory.
  Octets ring;
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (unsigned i = 0; i < packets; ++i) {
    const Octets packet = random_packet(random, mix);
    places.emplace_back(ring.size(), packet.size());
    put_octets(ring, packet);
  }
  std::vector<std::span<const std::byte>> frames;
  for (const auto& [at, size] : places) frames.emplace_back(ring.data() + at, size);

  std::uint64_t sink = 0;
  std::vector<Cost> costs;
  for (unsigned i = 0; i < rounds; ++i) costs.push_back(round(frames, repeats, sink));
  std::sort(costs.begin(), costs.end(), [](Cost a, Cost b) { return a.ns < b.ns; });
  std::printf("%-28s %6.1f ns %6.1f cycles (%.1f to %.1f ns)%s\n", mix.name, costs[rounds / 2].ns, costs[rounds / 2].cycles,
              costs.front().ns, costs.back().ns, sink == 0 ? "!" : "");
}

}  // namespace
}  // namespace fanout::test

int main() {
  using fanout::test::Mix;
  for (const Mix& mix : {Mix{"ipv4 tcp", 0, 0, 0, 0}, Mix{"ipv4 tcp+udp", 0, 50, 0, 0}, Mix{"ipv6 tcp+udp", 100, 50, 0, 0},
                         Mix{"30 % ipv6, tcp+udp", 30, 50, 0, 0}, Mix{"vlan in the bytes, 30 % ipv6", 30, 50, 100, 0},
                         Mix{"half vlan, tenth qinq", 30, 50, 50, 10}}) {
    fanout::test::measure(mix);
  }
}
