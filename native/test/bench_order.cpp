// What it costs to watch the order of packets, on top of dissection and flow cache, as the capture thread does all of
// it: `make -C native/test bench`. The ways take turns, so that a drift of the machine favours none; medians and their
// spread.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/packet/lab_tag.hpp"
#include "core/worker/flow_cache.hpp"
#include "core/worker/order_lab.hpp"
#include "core/worker/order_tcp.hpp"
#include "test/generate.hpp"
#include "test/packets.hpp"

namespace fanout::test {
namespace {

enum class Watch { nothing, tcp, lab };

struct Mix {
  const char* name;
  std::uint32_t flows;
  unsigned udp_percent;
};

struct Traffic {
  Octets bytes;
  std::vector<std::span<const std::byte>> frames;
};

// One after the other in memory, as in a ring block; every packet with a lab tag.
Traffic traffic_of(const Mix& mix, std::size_t packets) {
  Random random{mix.flows};
  Traffic out;
  std::vector<std::size_t> begins{0};
  std::vector<std::uint32_t> next(std::size_t{mix.flows} * 2, 1);
  for (std::size_t i = 0; i < packets; ++i) {
    const std::uint32_t flow = random.below(mix.flows);
    const bool is_reverse = random.one_in(2);
    const bool is_udp = flow % 100 < mix.udp_percent;
    const std::string host = "10." + std::to_string(flow >> 16 & 0xff) + "." + std::to_string(flow >> 8 & 0xff) + "." +
                             std::to_string(flow & 0xff);
    Header transport = is_udp ? udp(is_reverse ? 443 : 1024, is_reverse ? 1024 : 443)
                              : tcp(is_reverse ? 443 : 1024, is_reverse ? 1024 : 443);
    std::uint32_t& own = next[std::size_t{flow} * 2 + is_reverse];
    if (!is_udp) {
      Octets numbers;
      put32(numbers, own);
      put32(numbers, next[std::size_t{flow} * 2 + !is_reverse]);
      std::copy(numbers.begin(), numbers.end(), transport.bytes.begin() + 4);
    }
    own += lab_tag::bytes;
    Header tag;
    put32(tag.bytes, lab_tag::magic);
    put32(tag.bytes, flow);
    put32(tag.bytes, 0);
    put32(tag.bytes, static_cast<std::uint32_t>(i));
    put32(tag.bytes, ~static_cast<std::uint32_t>(i));
    put_octets(out.bytes,
               (eth() / (is_reverse ? ipv4("192.0.2.1", host) : ipv4(host, "192.0.2.1")) / transport / tag).bytes());
    begins.push_back(out.bytes.size());
  }
  for (std::size_t i = 0; i < packets; ++i)
    out.frames.emplace_back(out.bytes.data() + begins[i], begins[i + 1] - begins[i]);
  return out;
}

class Member {
 public:
  Member() {
    if (!cache_ || !tcp_ || !lab_) std::abort();
  }

  double round_ns(const Traffic& traffic, Watch watch) {
    struct Parsed {
      Dissection packet;
      std::span<const std::byte> frame;
      std::uint32_t hash;
    };
    constexpr std::size_t batch = 32;
    Parsed parsed[batch];
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t base = 0; base + batch <= traffic.frames.size(); base += batch) {
      for (std::size_t i = 0; i < batch; ++i) {
        Parsed& p = parsed[i];
        p.frame = traffic.frames[base + i];
        new (&p.packet) Dissection(dissect(p.frame, {}, {}));
        if (watch == Watch::lab)
          if (const auto tag = find_lab_tag(p.frame, p.packet)) lab_->see(*tag);
        cache_->prefetch_index(p.hash = FlowCache::hash_of(p.packet, {}));
      }
      for (const Parsed& p : parsed) {
        const std::uint32_t position = cache_->prefetch_record(p.hash);
        if (watch == Watch::tcp && tcp_->watches(position) && p.packet.key.protocol == IPPROTO_TCP)
          tcp_->prefetch(position);
      }
      for (const Parsed& p : parsed) {
        now_ns_ += 500;
        const auto position = cache_->add(p.packet, p.hash, {p.frame.size(), now_ns_, now_ns_, 1, 77});
        if (!position) std::abort();
        if (watch != Watch::tcp || !tcp_->watches(*position)) continue;
        tcp_->see_stamp(now_ns_, cache_->latest_ns(*position));
        if (const auto segment = find_tcp_segment(p.frame, p.frame.size(), p.packet))
          tcp_->see(*position, p.packet.direction, *segment, now_ns_);
      }
    }
    const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count() / static_cast<double>(traffic.frames.size());
  }

 private:
  Result<FlowCache> cache_ = FlowCache::create({});
  Result<TcpOrder> tcp_ = TcpOrder::create(TcpOrder::watched_flows, TcpOrder::Clock::senders);
  Result<LabOrder> lab_ = LabOrder::create();
  std::uint64_t now_ns_ = 0;
};

void measure(const Mix& mix) {
  constexpr Watch ways[]{Watch::nothing, Watch::tcp, Watch::lab};
  constexpr const char* names[]{"nothing", "tcp", "lab"};
  const Traffic traffic = traffic_of(mix, std::size_t{1} << 18);
  Member members[3];
  std::vector<double> ns[3], ratios[3];
  for (int round = 0; round < 16; ++round) {
    double here[3];
    for (int i = 0; i < 3; ++i) {
      const int way = (i + round) % 3;
      here[way] = members[way].round_ns(traffic, ways[way]);
    }
    if (round == 0) continue;
    for (int way = 0; way < 3; ++way) {
      ns[way].push_back(here[way]);
      ratios[way].push_back(here[way] / here[0]);
    }
  }
  for (int way = 0; way < 3; ++way) {
    std::sort(ns[way].begin(), ns[way].end());
    std::sort(ratios[way].begin(), ratios[way].end());
    const std::size_t middle = ns[way].size() / 2;
    std::printf("%-28s %-8s %6.1f ns/packet (%.1f to %.1f), x%.2f (%.2f to %.2f)\n", mix.name, names[way],
                ns[way][middle], ns[way].front(), ns[way].back(), ratios[way][middle], ratios[way].front(),
                ratios[way].back());
  }
}

}  // namespace
}  // namespace fanout::test

int main() {
  using fanout::test::Mix;
  for (const Mix& mix : {Mix{"1 k flows, tcp", 1000, 0}, Mix{"1 k flows, half udp", 1000, 50},
                         Mix{"100 k flows, half udp", 100'000, 50}})
    fanout::test::measure(mix);
}
