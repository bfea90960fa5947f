// Two TCP endpoints and a tap between them, simulated from a seed: handshakes, data both ways, losses before and behind
// the tap, packets that overtake each other in the network, delayed acknowledgments, repetitions by timer, by probe and
// by duplicate acknowledgments, keep-alives, connections that reuse the ports. What the tap saw, in the order in which
// it saw it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "core/worker/order_tcp.hpp"
#include "test/generate.hpp"

namespace fanout::test {

struct Tapped {
  std::uint64_t time_ns;
  Direction direction;
  TcpSegment segment;
};

struct ExchangeOptions {
  unsigned lost_percent = 0;       // each way, on each side of the tap
  unsigned overtaken_percent = 0;  // packets held up on their way
  unsigned missed_percent = 0;     // by the tap
  bool stamps = false;
  bool delayed_ack = false;
  bool keep_alive = false;
  unsigned connections = 1;
};

class Exchange {
 public:
  Exchange(std::uint64_t seed, const ExchangeOptions& options) : random_(seed), options_(options) {}

  std::vector<Tapped> run() {
    near_ns_ = {random_.below(2000) * 1000ULL + 1000, random_.below(2000) * 1000ULL + 1000};
    for (unsigned i = 0; i < options_.connections; ++i) {
      connect();
      while (!events_.empty() && now_ < deadline_) {
        const Event event = events_.top();
        events_.pop();
        now_ = event.time_ns;
        handle(event);
      }
      events_ = {};
      now_ = std::max(now_, last_tapped_ns_) + ms;
    }
    std::stable_sort(tapped_.begin(), tapped_.end(),
                     [](const Tapped& x, const Tapped& y) { return x.time_ns < y.time_ns; });
    if (options_.missed_percent != 0)
      std::erase_if(tapped_, [&](const Tapped&) { return random_.below(100) < options_.missed_percent; });
    return std::move(tapped_);
  }

 private:
  static constexpr std::uint64_t ms = 1'000'000, second = 1000 * ms;
  enum class What { arrival, timeout, probe, delayed_ack, write, keep_alive };
  struct Event {
    std::uint64_t time_ns;
    std::uint64_t number;  // of two at one time the older comes first
    What what;
    unsigned side;
    std::uint64_t generation;
    TcpSegment segment;
    bool operator<(const Event& other) const {
      return std::pair{time_ns, number} > std::pair{other.time_ns, other.number};
    }
  };
  struct End {
    std::uint32_t isn = 0, una = 0, next = 0, unsent = 0;
    std::uint32_t expected = 0, acked = 0, stamp_seen = 0;
    bool open = false, heard = false, fin_sent = false, ack_due = false;
    unsigned duplicates = 0;
    std::uint64_t timer = 0, ack_timer = 0;  // generations: what was set before is void
    unsigned patience = 0;
    std::deque<std::pair<std::uint32_t, std::uint32_t>> early;  // beyond a gap
  };

  void connect() {
    for (End& end : ends_) {
      end = {};
      end.isn = end.una =
          random_.one_in(3) ? 0xffffffffU - random_.below(3000) : static_cast<std::uint32_t>(random_.next());
      end.next = end.isn + 1;
      end.unsent = random_.one_in(6) ? 0 : random_.below(20000);
    }
    deadline_ = now_ + 20 * second;
    send(0, ends_[0].isn, ends_[0].isn + 1, true);
    set_timer(0);
  }

  void schedule(std::uint64_t after_ns, What what, unsigned side, std::uint64_t generation = 0,
                const TcpSegment& segment = {}) {
    events_.push({now_ + after_ns, ++number_, what, side, generation, segment});
  }
  bool lost() { return random_.below(100) < options_.lost_percent; }
  std::uint64_t travel(unsigned side) {
    return near_ns_[side] + (random_.below(100) < options_.overtaken_percent ? random_.below(4000) * 1000ULL : 0);
  }
  std::uint32_t stamp_now() const { return static_cast<std::uint32_t>(now_ / ms) + 0xfffffff0U; }

  void send(unsigned side, std::uint32_t begin, std::uint32_t end, bool syn = false) {
    End& own = ends_[side];
    TcpSegment segment;
    segment.begin = begin;
    segment.end = end;
    segment.syn = syn;
    segment.has_ack = own.heard;
    segment.ack = own.heard ? own.expected : 0;
    segment.has_stamps = options_.stamps;
    segment.stamp = stamp_now();
    segment.echo = own.heard ? own.stamp_seen : 0;
    own.acked = segment.ack;
    own.ack_due = false;
    ++own.ack_timer;
    if (lost()) return;
    const std::uint64_t to_tap = travel(side);
    tapped_.push_back({now_ + to_tap, side == 0 ? Direction::forward : Direction::reverse, segment});
    last_tapped_ns_ = std::max(last_tapped_ns_, now_ + to_tap);
    if (!lost()) schedule(to_tap + travel(1 - side), What::arrival, 1 - side, 0, segment);
  }

  void set_timer(unsigned side) {
    End& own = ends_[side];
    ++own.timer;
    if (own.una == own.next) return;
    schedule((own.open ? 200 * ms : second) << std::min(own.patience, 4U), What::timeout, side, own.timer);
    const std::uint64_t round_trip = 2 * (near_ns_[0] + near_ns_[1]);
    if (own.open && own.patience == 0) schedule(2 * round_trip + 2 * ms, What::probe, side, own.timer);
  }

  void write(unsigned side) {
    End& own = ends_[side];
    if (!own.open) return;
    while (own.unsent > 0 && own.next - own.una < 8000) {
      const std::uint32_t bytes = std::min(own.unsent, 1 + random_.below(1460));
      own.unsent -= bytes;
      own.next += bytes;
      send(side, own.next - bytes, own.next);
      if (random_.one_in(3)) {
        schedule(random_.below(5000) * 1000ULL, What::write, side);
        break;
      }
    }
    if (own.unsent == 0 && !own.fin_sent && random_.one_in(2)) {
      own.fin_sent = true;
      send(side, own.next, own.next + 1);
      ++own.next;
    }
    set_timer(side);
  }

  // The first segment that is not acknowledged, or the last one.
  void repeat(unsigned side, bool last) {
    End& own = ends_[side];
    if (own.una == own.next) return;
    if (!own.open || own.una == own.isn) return send(side, own.isn, own.isn + 1, true);
    const std::uint32_t bytes = std::min(own.next - own.una, 1 + random_.below(1460));
    if (last)
      send(side, own.next - bytes, own.next);
    else
      send(side, own.una, own.una + bytes);
  }

  void handle(const Event& event) {
    End& own = ends_[event.side];
    switch (event.what) {
      case What::arrival:
        return receive(event.side, event.segment);
      case What::timeout:
        if (event.generation != own.timer || own.una == own.next) return;
        ++own.patience;
        repeat(event.side, false);
        return set_timer(event.side);
      case What::probe:
        if (event.generation == own.timer) repeat(event.side, true);
        return;
      case What::delayed_ack:
        if (event.generation == own.ack_timer) send(event.side, own.next, own.next);
        return;
      case What::write:
        return write(event.side);
      case What::keep_alive:
        if (own.open && own.una == own.next) send(event.side, own.next - 1, own.next - 1 + random_.below(2));
        return;
    }
  }

  void receive(unsigned side, const TcpSegment& segment) {
    End& own = ends_[side];
    if (segment.syn) {
      if (own.heard && segment.begin + 1 != ends_[1 - side].isn + 1) return;
      const bool first = !own.heard;
      own.heard = true;
      if (first) own.expected = segment.end;
      own.stamp_seen = segment.stamp;
      if (side == 1) {
        send(side, own.isn, own.isn + 1, true);
        return set_timer(side);
      }
    }
    if (!own.heard) return;
    if (segment.has_ack && is_after(segment.ack, own.una) && !is_after(segment.ack, own.next)) {
      own.una = segment.ack;
      own.patience = own.duplicates = 0;
      set_timer(side);
      if (!own.open) {
        own.open = true;
        schedule(random_.below(3000) * 1000ULL, What::write, side);
        if (options_.keep_alive) schedule(second + random_.below(3000) * ms, What::keep_alive, side);
      } else {
        write(side);
      }
    } else if (segment.has_ack && segment.begin == segment.end && segment.ack == own.una && own.una != own.next &&
               ++own.duplicates == 3) {
      repeat(side, false);
    }
    if (segment.syn) return send(side, own.next, own.next);
    take(side, segment);
  }

  void take(unsigned side, const TcpSegment& segment) {
    End& own = ends_[side];
    if (!is_after(segment.begin, own.acked) && is_after(segment.stamp + 1, own.stamp_seen))
      own.stamp_seen = segment.stamp;
    if (segment.begin == segment.end) {
      // A keep-alive is answered, an acknowledgment is not.
      if (segment.begin + 1 == own.expected) send(side, own.next, own.next);
      return;
    }
    const bool in_order = segment.begin == own.expected;
    if (is_after(segment.end, own.expected)) own.early.emplace_back(segment.begin, segment.end);
    for (bool grew = true; grew;) {
      grew = false;
      for (const auto& [begin, end] : own.early)
        if (!is_after(begin, own.expected) && is_after(end, own.expected)) {
          own.expected = end;
          grew = true;
        }
    }
    std::erase_if(own.early, [&](const auto& range) { return !is_after(range.second, own.expected); });
    if (options_.delayed_ack && in_order && !own.ack_due) {
      own.ack_due = true;
      return schedule(random_.below(40000) * 1000ULL, What::delayed_ack, side, own.ack_timer);
    }
    send(side, own.next, own.next);
  }

  Random random_;
  ExchangeOptions options_;
  std::array<End, 2> ends_;
  std::array<std::uint64_t, 2> near_ns_{};
  std::priority_queue<Event> events_;
  std::uint64_t now_ = 1, deadline_ = 0, number_ = 0, last_tapped_ns_ = 0;
  std::vector<Tapped> tapped_;
};

}  // namespace fanout::test
