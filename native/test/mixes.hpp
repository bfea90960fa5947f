// Packets of ordinary traffic, in proportions: what benchmarks read.
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "test/packets.hpp"

namespace fanout::test {

struct Mix {
  const char* name;
  unsigned ipv6_percent, udp_percent, vlan_percent, qinq_percent;
};

inline constexpr Mix mixes[]{{"ipv4 tcp", 0, 0, 0, 0},
                             {"ipv4 tcp+udp", 0, 50, 0, 0},
                             {"ipv6 tcp+udp", 100, 50, 0, 0},
                             {"30 % ipv6, tcp+udp", 30, 50, 0, 0},
                             {"vlan in the bytes, 30 % ipv6", 30, 50, 100, 0},
                             {"half vlan, tenth qinq", 30, 50, 50, 10}};

struct Endpoints {
  std::string low, high;
  unsigned low_port, high_port;
};

inline Endpoints random_endpoints(std::mt19937& random, bool ipv6) {
  const auto number = [&] { return std::to_string(random() % 250); };
  const auto address4 = [&] { return "10." + number() + "." + number() + "." + number(); };
  const auto address6 = [&] { return "2001:db8::" + number() + ":" + number(); };
  if (ipv6) return {address6(), address6(), 1024 + static_cast<unsigned>(random() % 60000), 443};
  return {address4(), address4(), 1024 + static_cast<unsigned>(random() % 60000), 443};
}

inline Octets random_packet(std::mt19937& random, const Mix& mix) {
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  const bool six = chance(mix.ipv6_percent);
  Endpoints ends = random_endpoints(random, six);
  if (chance(50)) {
    std::swap(ends.low, ends.high);
    std::swap(ends.low_port, ends.high_port);
  }
  Packet packet = eth();
  if (chance(mix.qinq_percent))
    packet = packet / vlan(1, ETH_P_8021AD) / vlan(2);
  else if (chance(mix.vlan_percent))
    packet = packet / vlan(1);
  packet = packet / (six ? ipv6(ends.low, ends.high) : ipv4(ends.low, ends.high));
  packet = packet / (chance(mix.udp_percent) ? udp(ends.low_port, ends.high_port) : tcp(ends.low_port, ends.high_port));
  return (packet / payload(random() % 64)).bytes();
}

// One after the other in memory, as in a ring block.
struct Frames {
  Octets ring;
  std::vector<std::span<const std::byte>> all;
};

inline Frames random_frames(const Mix& mix, unsigned count) {
  std::mt19937 random{1};
  Frames out;
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (unsigned i = 0; i < count; ++i) {
    const Octets packet = random_packet(random, mix);
    places.emplace_back(out.ring.size(), packet.size());
    put_octets(out.ring, packet);
  }
  for (const auto& [at, size] : places) out.all.emplace_back(out.ring.data() + at, size);
  return out;
}

}  // namespace fanout::test
