// What mode HASH must do, by the model of its key: wrappings, fragments with and without reassembly, ICMP errors,
// copies, and that every packet is accounted for.
#include <algorithm>
#include <map>

#include "core/capture_file/prediction.hpp"
#include "test/capture_files.hpp"
#include "test/check.hpp"
#include "test/packets.hpp"
#include "test/tunnels.hpp"

namespace fanout::test {
namespace {

constexpr std::uint64_t millisecond_ns = 1'000'000;
constexpr HashSeed seed{7};

Prediction made(bool defrag, std::uint32_t flows_max = 1U << 10) {
  auto prediction = Prediction::create({.defrag = defrag, .flows_max = flows_max, .seed = seed});
  if (!prediction) __builtin_trap();
  return std::move(*prediction);
}

// A millisecond apart.
class Bench {
 public:
  explicit Bench(bool defrag = false, std::uint32_t flows_max = 1U << 10) : prediction_(made(defrag, flows_max)) {}

  Bench& add(const Packet& packet) { return add(packet.bytes()); }
  Bench& add(const Octets& frame) {
    prediction_.add(frame, static_cast<std::uint32_t>(frame.size()), now_ns_);
    now_ns_ += millisecond_ns;
    ++frames_;
    return *this;
  }
  Bench& pass(std::uint64_t ns) {
    now_ns_ += ns;
    return *this;
  }
  Evidence evidence() {
    prediction_.finish();
    return prediction_.evidence(100);
  }
  const Prediction& operator*() const { return prediction_; }

  // Packets that somebody was told of: with reassembly those that the group would see.
  std::uint64_t accounted(const Evidence& e) const {
    std::uint64_t packets =
        e.judged_packets + e.unjoined_fragments + e.unmatched_errors + prediction_.tally().untracked_packets;
    for (const IgnoredCounts::Entry& entry : prediction_.ignored()) packets += entry.packets;
    return packets;
  }
  std::uint64_t frames() const { return frames_; }

 private:
  Prediction prediction_;
  std::uint64_t now_ns_ = 1'700'000'000'000'000'000;
  std::uint64_t frames_ = 0;
};

const std::string a = "10.0.0.1", b = "192.0.2.1";

Packet fragment(unsigned begin, bool more, unsigned id = 1, unsigned octets = 16) {
  const Header ip = ipv4(a, b, {.protocol = IPPROTO_UDP, .id = id, .fragment_offset = begin, .more_fragments = more});
  return begin == 0 ? eth() / ip / udp(1024, 53) / payload(octets - 8) : eth() / ip / payload(octets);
}
Packet whole_packet(unsigned id = 9) { return eth() / ipv4(a, b, {.id = id}) / udp(1024, 53) / payload(8); }
// The outermost IP header, if it is one of IPv4: zero else.
std::size_t outer_ipv4(const Wrapping& wrapping, const Octets& frame) {
  std::size_t at = 0;
  for (const Header& header : wrapping.there) {
    if (header.ethertype == ETH_P_IP || header.ethertype == ETH_P_IPV6) break;
    at += header.bytes.size();
  }
  return frame.at(at) == std::byte{0x45} ? at : 0;
}

// In two pieces, the first of which has all headers.
std::vector<Octets> pieces_of(const Octets& frame, std::size_t at) {
  constexpr std::size_t header = 20, cut = 240;
  const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(at + header);
  Octets first{frame.begin(), begin + cut}, last{frame.begin(), begin};
  last.insert(last.end(), begin + cut, frame.end());
  set16(first, at + 2, header + cut);
  set16(first, at + 6, 0x2000);
  set16(last, at + 2, last.size() - at);
  set16(last, at + 6, cut / 8);
  return {first, last};
}

Packet answer() { return eth() / ipv4(b, a) / udp(53, 1024) / payload(8); }

}  // namespace

TEST(a_flow_is_kept_where_both_directions_have_one_key) {
  for (const Wrapping& wrapping : wrappings()) {
    for (const Inner& inner : inner_packets()) {
      Note note{wrapping.name + " " + inner.stack4};
      const Pair pair = pair_of(wrapping, inner);
      const Evidence e = Bench{}.add(pair.there).add(pair.back).add(pair.there).evidence();
      const bool is_asymmetric = wrapping.hashed == Hashed::one_way;
      CHECK_EQ(e.flows.total, 1U);
      CHECK_EQ(e.two_way, 1U);
      CHECK_EQ(e.flows.asymmetric, is_asymmetric ? 1U : 0U);
      CHECK_EQ(e.flows.consistent, is_asymmetric ? 0U : 1U);
      CHECK_EQ(e.violations.size(), is_asymmetric ? 1U : 0U);
      CHECK_EQ(e.stacks.size(), 1U);
      CHECK_EQ(e.stacks[0].stack.text(), pair.stack);
    }
  }
}

TEST(one_key_on_several_members_is_never_predicted) {
  Bench bench;
  for (const Wrapping& wrapping : wrappings()) {
    const Pair pair = pair_of(wrapping, inner_packets().front());
    // The same flow in many wrappings: many keys.
    bench.add(pair.there).add(pair.back);
  }
  const Evidence e = bench.evidence();
  CHECK_EQ(e.flows.total, 2U);
  CHECK_EQ(e.violations.size(), 2U);
  for (const Violation& v : e.violations) CHECK(!v.signature.one_kernel_key);
}

TEST(fragments_part_a_flow_until_they_are_reassembled) {
  for (const bool defrag : {false, true}) {
    Note note{shown(defrag)};
    Bench bench{defrag};
    bench.add(whole_packet()).add(fragment(0, true)).add(fragment(16, false)).add(answer());
    const Evidence e = bench.evidence();
    CHECK_EQ(e.flows.total, 1U);
    CHECK_EQ(e.flows.split, defrag ? 0U : 1U);
    CHECK_EQ(e.flows.consistent, defrag ? 1U : 0U);
    CHECK_EQ(bench.accounted(e), defrag ? 3U : 4U);
    CHECK_EQ((*bench).counts().packets, defrag ? 3U : 4U);
    CHECK_EQ((*bench).counts().unseen, 0U);
  }
}

// The rule by which a cause promises that the flag helps, held against reassembly itself: in every wrapping, whether or
// not whole packets of that direction were seen.
TEST(whole_keys_differ_where_a_flow_is_asymmetric_without_fragments_too) {
  unsigned promised = 0, refused = 0, unseen = 0;
  for (const Wrapping& wrapping : wrappings()) {
    for (const Inner& inner : inner_packets()) {
      for (const bool only_pieces : {false, true}) {
        const Pair pair = pair_of(wrapping, inner);
        const Octets there = pair.there.bytes(), back = pair.back.bytes();
        const Octets large = (pair.back / payload(600)).bytes();
        const std::size_t at = outer_ipv4(wrapping, back);
        if (at == 0) continue;
        const Note note{wrapping.name + " around " + pair.stack + (only_pieces ? ", one direction in pieces" : "")};
        Bench plain, defrag{true};
        for (Bench* bench : {&plain, &defrag}) {
          bench->add(there);
          if (!only_pieces) bench->add(back);
          for (const Octets& piece : pieces_of(large, at)) bench->add(piece);
        }
        const Evidence seen = plain.evidence(), whole = defrag.evidence();
        CHECK_EQ(seen.flows.total, 1U);
        if (seen.groups.empty() || seen.groups[0].first.fragments == Fragments::none) {
          ++unseen;
          continue;
        }
        const ViolationSignature& traits = seen.groups[0].first;
        const bool reached = at == ETH_HLEN || (at == ETH_HLEN + 4 && traits.stack.text().starts_with("vlan/"));
        CHECK_EQ(traits.fragments, reached ? Fragments::in_reach : Fragments::beyond_reach);
        CHECK_EQ(traits.whole_keys_differ, dissect(there, {}, seed).kernel_key != dissect(back, {}, seed).kernel_key);
        if (reached) CHECK_EQ(traits.whole_keys_differ, !whole.groups.empty());
        ++(traits.whole_keys_differ ? refused : promised);
      }
    }
  }
  CHECK(promised > 100);
  CHECK(refused > 30);
  CHECK(unseen > 30);
}

TEST(an_index_on_some_packets_is_told_from_other_wrappings) {
  const auto said = [](const std::vector<Packet>& packets) {
    Bench bench;
    for (const Packet& packet : packets) bench.add(packet);
    const Evidence e = bench.evidence();
    return e.groups.size() == 1 ? e.groups[0].first : ViolationSignature{};
  };
  const Packet bare = eth() / ipv4(a, b) / tcp(1, 2), there = eth() / ipv4(a, b) / ah(7) / tcp(1, 2);
  const Packet back = eth() / ipv4(b, a) / ah(9) / tcp(2, 1),
               labelled = eth() / mpls(16, true) / ipv4(b, a) / tcp(2, 1);
  for (const auto& packets :
       {std::vector{bare, there}, std::vector{there, bare}, std::vector{bare, there, back}, std::vector{there, back}}) {
    CHECK(said(packets).whole_keys_differ);
    CHECK(said(packets).only_index_differs);
  }
  CHECK_EQ(said({there, bare}).wrapping.text(), std::string{"ipv4/ah/tcp"});
  CHECK(!said({bare, there, labelled}).only_index_differs);
  CHECK(said({bare, there, labelled}).wrapping == Stack{});
  CHECK(!said({bare, labelled}).only_index_differs);
  CHECK_EQ(said({labelled, bare}).wrapping.text(), std::string{"mpls/ipv4/tcp"});
  // Two of them, and in one VLAN or none.
  const Packet tagged = eth() / vlan(5) / ipv4(b, a) / tcp(2, 1);
  CHECK(!said({there, bare, tagged}).only_index_differs);
}

// More wrappings than have a place: those of the smallest codes keep theirs with all their flows, whatever came first.
TEST(so_many_wrappings_of_one_group_are_told_apart) {
  const std::vector<Header> tags{cisco_metadata(), vn_tag(), e_tag()};
  std::vector<Packet> wrapped{eth() / mpls(16, true)};
  for (const Header& outer : tags) {
    wrapped.push_back(Packet{eth()} / outer);
    wrapped.push_back(Packet{eth()} / outer / mpls(16, true));
    for (const Header& inner : tags)
      if (inner.ethertype != outer.ethertype) wrapped.push_back(Packet{eth()} / outer / inner);
  }
  constexpr unsigned flows_each = 3;
  std::map<std::uint64_t, std::vector<Packet>> by_wrapping;
  unsigned port = 1000;
  for (unsigned i = 0; i < flows_each; ++i)
    for (const Packet& around : wrapped) {
      const Packet there = around / ipv4(a, b) / tcp(++port, 80);
      by_wrapping[dissect(there.bytes(), {}, seed).stack.packed()].push_back(there);
    }
  CHECK(by_wrapping.size() > wrappings_max);
  std::vector<std::vector<Packet>> orders(2);
  for (const auto& [code, packets] : by_wrapping) {
    orders[0].insert(orders[0].end(), packets.begin(), packets.end());
    orders[1].insert(orders[1].begin(), packets.begin(), packets.end());
  }
  for (const std::vector<Packet>& order : orders) {
    Note note{shown(&order == &orders[0])};
    Bench bench;
    for (const Packet& there : order) {
      const FlowKey key = dissect(there.bytes(), {}, seed).key;
      const unsigned client = std::max<unsigned>(key.a_port, key.b_port);
      bench.add(there).add(eth() / ipv4(b, a) / tcp(80, client));
    }
    const Evidence e = bench.evidence();
    std::vector<std::pair<std::uint64_t, std::uint64_t>> wanted{{0, (by_wrapping.size() - wrappings_max) * flows_each}},
        told;
    for (const auto& [code, packets] : by_wrapping)
      if (wanted.size() <= wrappings_max) wanted.emplace_back(code, flows_each);
    for (const auto& [signature, flows] : e.groups) told.emplace_back(signature.wrapping.packed(), flows);
    CHECK(told == wanted);
    CHECK_EQ(e.violations.size(), by_wrapping.size() * flows_each);
    for (const Violation& v : e.violations) {
      const std::uint64_t code = v.signature.wrapping.packed();
      CHECK(std::find(wanted.begin(), wanted.end(), std::pair{code, code == 0 ? wanted[0].second : flows_each}) !=
            wanted.end());
    }
  }
}

// One stack for both: what the kernel does not know is not told by layers.
TEST(tags_of_a_type_that_the_kernel_does_not_know_part_a_flow_in_one_stack) {
  const auto said = [](const Packet& there, const Packet& back) { return Bench{}.add(there).add(back).evidence(); };
  const auto tagged = [](unsigned type, bool is_back) {
    return eth() / vlan(5, type) / (is_back ? ipv4(b, a) : ipv4(a, b)) / (is_back ? tcp(2, 1) : tcp(1, 2));
  };
  for (const unsigned type : {0x9100U, 0x9200U}) {
    Note note{shown(type)};
    CHECK_EQ(said(tagged(type, false), tagged(type, true)).groups.size(), 0U);
    const Evidence e = said(tagged(type, false), tagged(ETH_P_8021Q, true));
    CHECK_EQ(e.groups.size(), 1U);
    const ViolationSignature& s = e.groups.at(0).first;
    CHECK_EQ(s.stack.text(), std::string{"vlan/ipv4/tcp"});
    CHECK(!s.one_kernel_key && !s.mixed_wrappings && s.fragments == Fragments::none);
  }
  CHECK_EQ(said(tagged(ETH_P_8021AD, false), tagged(ETH_P_8021Q, true)).groups.size(), 0U);
}

TEST(a_flow_of_fragments_alone_has_one_key) {
  const Evidence e = Bench{}
                         .add(fragment(16, false))
                         .add(fragment(0, true))
                         .add(fragment(0, true, 2))
                         .add(fragment(16, false, 2))
                         .evidence();
  CHECK_EQ(e.flows.total, 1U);
  CHECK_EQ(e.flows.one_way, 1U);
  CHECK_EQ(e.judged_packets, 4U);
}

TEST(fragments_without_a_first_one_belong_to_no_flow) {
  for (const bool defrag : {false, true}) {
    Note note{shown(defrag)};
    Bench bench{defrag};
    bench.add(whole_packet()).add(fragment(16, true)).add(fragment(32, false));
    const Evidence e = bench.evidence();
    CHECK_EQ(e.flows.total, 1U);
    CHECK_EQ(e.flows.one_way, 1U);
    CHECK_EQ(e.unjoined_fragments, defrag ? 0U : 2U);
    CHECK_EQ((*bench).counts().unseen, defrag ? 2U : 0U);
    CHECK_EQ(bench.accounted(e) + (*bench).counts().unseen, bench.frames());
  }
}

TEST(datagrams_have_their_time_in_the_capture) {
  for (const std::uint64_t seconds : {29U, 31U}) {
    Note note{shown(seconds)};
    Bench bench{true};
    bench.add(fragment(0, true)).pass(seconds * 1'000'000'000 - millisecond_ns).add(fragment(16, false));
    const Evidence e = bench.evidence();
    CHECK_EQ(e.flows.total, seconds < 30 ? 1U : 0U);
    CHECK_EQ((*bench).counts().unseen, seconds < 30 ? 0U : 2U);
  }
}

TEST(ipv6_fragments_are_never_reassembled) {
  const Header there = ipv6("2001:db8::1", "2001:db8::2");
  for (const bool defrag : {false, true}) {
    Bench bench{defrag};
    bench.add(eth() / there / udp(1, 2) / payload(8)).add(eth() / there / frag6(0, true) / udp(1, 2) / payload(8));
    bench.add(eth() / there / frag6(16, false, IPPROTO_UDP) / payload(8));
    const Evidence e = bench.evidence();
    CHECK_EQ(e.flows.split, 1U);
    CHECK_EQ(bench.accounted(e), 3U);
  }
}

TEST(an_icmp_error_is_no_part_of_the_verdict) {
  const auto error = [](const std::string& router) {
    return eth() / ipv4(router, a) / icmp(11, 0) / ipv4(a, b, {.total_bytes = 1500}) / udp(1024, 53);
  };
  const Evidence e = Bench{}.add(whole_packet()).add(answer()).add(error("203.0.113.9")).add(error(b)).evidence();
  CHECK_EQ(e.flows.consistent, 1U);
  CHECK_EQ(e.stacks[0].errors_elsewhere, 1U);
  CHECK_EQ(e.judged_packets, 4U);
  CHECK_EQ(e.violations.size(), 0U);
  const Evidence alone = Bench{}.add(error("203.0.113.9")).evidence();
  CHECK_EQ(alone.flows.total, 0U);
  CHECK_EQ(alone.unmatched_errors, 1U);
}

TEST(the_same_packets_under_two_keys_are_copies) {
  Bench copies, others;
  for (unsigned id = 1; id < 6; ++id) {
    const Header ip = ipv4(a, b, {.id = id});
    copies.add(eth() / ip / udp(1024, 53) / payload(8, id))
        .add(eth() / mpls(16, true) / ip / udp(1024, 53) / payload(8, id));
    others.add(eth() / ip / udp(1024, 53) / payload(8, id));
    others.add(eth() / mpls(16, true) / ipv4(a, b, {.id = id + 100}) / udp(1024, 53) / payload(8, id + 100));
  }
  CHECK_EQ(copies.evidence().flows.duplicated, 1U);
  const Evidence e = others.evidence();
  CHECK_EQ(e.flows.duplicated, 0U);
  CHECK_EQ(e.flows.split, 1U);
}

// The same keep-alive, in a tunnel whose end takes another source port for each.
Packet kept_alive(unsigned outer_port) {
  return eth() / ipv4("203.0.113.1", "203.0.113.2", {.id = outer_port}) / udp(outer_port, 4789) / vxlan() / eth() /
         ipv6("2001:db8::1", "2001:db8::2") / tcp(40000, 443);
}

TEST(packets_that_are_alike_are_copies_only_at_one_time) {
  // Any time apart: also one of the period of a clock, and beyond what the flow map's clock holds.
  constexpr std::uint64_t period_ns = 1ULL << (content::time_bits + content::time_shift);
  for (const std::uint64_t apart_ns : {68 * millisecond_ns, 100 * millisecond_ns, period_ns, 60'000 * millisecond_ns,
                                       7 * period_ns, 400'000'000 * millisecond_ns}) {
    const Note note{shown(apart_ns)};
    Bench bench;
    for (unsigned i = 0; i < 4; ++i) bench.add(kept_alive(50000 + i)).pass(apart_ns - millisecond_ns);
    const Evidence e = bench.evidence();
    CHECK_EQ(e.flows.split, 1U);
    CHECK_EQ(e.flows.duplicated, 0U);
  }
  // Copies, again and again, each time by both ways of a mirror.
  Bench copies;
  for (unsigned i = 0; i < 4; ++i) copies.add(kept_alive(50000)).add(kept_alive(50001)).pass(60'000 * millisecond_ns);
  CHECK_EQ(copies.evidence().flows.duplicated, 1U);
}

TEST(time_stamps_out_of_order_tell_copies_too) {
  const auto in_order = [](std::initializer_list<std::pair<unsigned, std::int64_t>> packets) {
    Prediction prediction = made(false);
    for (const auto& [port, ms] : packets) {
      const Octets frame = kept_alive(port).bytes();
      prediction.add(frame, static_cast<std::uint32_t>(frame.size()),
                     1'700'000'000'000'000'000 + static_cast<std::uint64_t>(ms) * millisecond_ns);
    }
    prediction.finish();
    return prediction.evidence(1).flows;
  };
  CHECK_EQ(in_order({{50000, 0}, {50001, -60'000}}).split, 1U);
  CHECK_EQ(in_order({{50000, 0}, {50001, -60'000}, {50000, -59'999}, {50001, 1}}).duplicated, 1U);
  CHECK_EQ(in_order({{50000, -60'000}, {50001, -120'000}, {50002, 0}}).split, 1U);
}

TEST(beside_others_a_packet_without_a_time_is_no_copy) {
  const auto flows_of = [](std::uint64_t time_ns) {
    Prediction prediction = made(false);
    const auto add = [&](const Octets& frame, std::uint64_t at_ns) {
      prediction.add(frame, static_cast<std::uint32_t>(frame.size()), at_ns);
    };
    add((eth() / ipv4(a, b) / udp(1, 2)).bytes(), 1'700'000'000'000'000'000);
    for (const unsigned port : {50000U, 50001U}) add(kept_alive(port).bytes(), time_ns);
    prediction.finish();
    return prediction.evidence(10).flows;
  };
  CHECK_EQ(flows_of(1'700'000'000'000'000'000).duplicated, 1U);
  CHECK_EQ(flows_of(0).duplicated, 0U);
  CHECK_EQ(flows_of(0).split, 1U);
}

TEST(without_time_stamps_nothing_is_a_copy) {
  Prediction untold = made(false);
  Prediction told = made(false);
  for (const unsigned port : {50000U, 50001U}) {
    const Octets frame = kept_alive(port).bytes();
    untold.add(frame, static_cast<std::uint32_t>(frame.size()), 0);
    // One at zero is a time where others have one.
    told.add(frame, static_cast<std::uint32_t>(frame.size()), port == 50000 ? 0 : millisecond_ns);
  }
  CHECK_EQ(untold.evidence(1).flows.split, 1U);
  CHECK(untold.copies_are_untold());
  CHECK_EQ(told.evidence(1).flows.duplicated, 1U);
  CHECK(!told.copies_are_untold());
  // Nothing is alike, and so nothing untold.
  Prediction plain = made(false);
  for (const Packet& packet : {whole_packet(), answer()}) plain.add(packet.bytes(), 60, 0);
  CHECK(!plain.copies_are_untold());
}

TEST(packets_that_came_twice_are_counted_by_the_time_of_the_file) {
  const Octets frame = kept_alive(50000).bytes();
  const auto again_after = [&](std::uint64_t apart_ns, std::uint64_t start_ns) {
    Prediction prediction = made(false);
    prediction.add(frame, static_cast<std::uint32_t>(frame.size()), start_ns);
    prediction.add(frame, static_cast<std::uint32_t>(frame.size()), start_ns == 0 ? 0 : start_ns + apart_ns);
    return prediction.copies();
  };
  const CopyCounts copied = again_after(millisecond_ns, 5 * millisecond_ns);
  CHECK_EQ(copied.looked, 2U);
  CHECK_EQ(copied.again, 1U);
  CHECK_EQ(copied.apart_ns, millisecond_ns);
  CHECK_EQ(again_after(100 * millisecond_ns, millisecond_ns).again, 0U);
  // Without a time nobody can say.
  CHECK_EQ(again_after(millisecond_ns, 0).looked, 0U);
}

// What members of a replay told: (member, packet of the file).
FlowCounts replayed(const Prediction& original, std::initializer_list<std::pair<std::uint16_t, unsigned>> packets) {
  FlowMap::Limits limits;
  limits.members = 4;
  limits.flows_max = 16;
  auto map = FlowMap::create(limits, seed);
  if (!map) __builtin_trap();
  std::uint64_t now_ns = 0;
  for (const auto& [member, port] : packets) {
    const Octets frame = kept_alive(port).bytes();
    const Dissection d = dissect(frame, {}, seed);
    Observation o;
    o.tuple = directed(d.key, d.direction);
    o.stack = d.stack;
    o.kernel_key = d.kernel_key;
    o.packets = 1;
    o.first_ns = o.last_ns = now_ns;
    o.content = content::mark(rank_of(frame, d, seed), now_ns);
    map->add(o, member, 0);
    now_ns += 1000;
  }
  const EpochWindow window[1];
  return map->evidence(window, 1, original.basis_of_replay()).flows;
}

Prediction original_of(std::initializer_list<std::pair<unsigned, std::uint64_t>> packets) {
  Prediction out = made(false);
  for (const auto& [port, ms] : packets) {
    const Octets frame = kept_alive(port).bytes();
    out.add(frame, static_cast<std::uint32_t>(frame.size()), 1'700'000'000'000'000'000 + ms * millisecond_ns);
  }
  out.finish();
  return out;
}

TEST(a_replay_is_judged_by_the_time_of_its_file) {
  const auto alike = [&](std::uint64_t ms) { return original_of({{50000, 0}, {50001, ms}}); };
  CHECK_EQ(replayed(alike(1), {{0, 50000}, {1, 50001}}).duplicated, 1U);
  CHECK_EQ(replayed(alike(60), {{0, 50000}, {1, 50001}}).duplicated, 1U);
  CHECK_EQ(replayed(alike(100), {{0, 50000}, {1, 50001}}).split, 1U);
  CHECK_EQ(replayed(alike(60'000), {{0, 50000}, {1, 50001}}).split, 1U);
  CHECK_EQ(replayed(alike(60'000), {{0, 50000}, {0, 50001}}).one_way, 1U);
  // Sent several times over: the file has each of them once.
  CHECK_EQ(replayed(alike(1), {{0, 50000}, {1, 50001}, {0, 50000}, {1, 50001}}).duplicated, 1U);
  CHECK_EQ(replayed(alike(100), {{0, 50000}, {1, 50001}, {0, 50000}, {1, 50001}}).split, 1U);
  // A flow that the file's table had no room for is judged as it is seen.
  const Prediction empty = original_of({});
  CHECK_EQ(replayed(original_of({{60000, 5}}), {{0, 50000}, {1, 50001}}).duplicated, 1U);
  CHECK_EQ(replayed(empty, {{0, 50000}, {1, 50001}}).split, 1U);
}

TEST(packets_of_one_key_that_were_dealt_out_are_copies_only_if_the_file_has_copies) {
  const Prediction once = original_of({{50000, 0}, {50000, 60'000}});
  CHECK_EQ(replayed(once, {{0, 50000}, {1, 50000}}).split, 1U);
  const Prediction twice = original_of({{50000, 0}, {50000, 1}});
  CHECK_EQ(replayed(twice, {{0, 50000}, {1, 50000}}).duplicated, 1U);
}

TEST(copies_with_one_key_are_together) {
  Bench bench;
  for (unsigned id = 1; id < 4; ++id)
    for (const unsigned tag : {5U, 6U})
      bench.add(eth() / vlan(tag) / ipv4(a, b, {.id = id}) / udp(1024, 53) / payload(8));
  CHECK_EQ(bench.evidence().flows.one_way, 1U);
}

TEST(more_keys_than_are_told_apart_are_apart_all_the_same) {
  Bench bench;
  constexpr unsigned keys = 3 * FlowMap::placed_members;
  for (unsigned port = 0; port < keys; ++port)
    bench.add(eth() / ipv4("203.0.113.1", "203.0.113.2") / udp(50000 + port, 4789) / vxlan() / eth() / ipv4(a, b) /
              udp(1, 2));
  const Evidence e = bench.evidence();
  CHECK_EQ(e.flows.split, 1U);
  CHECK_EQ(e.violations.front().sights.size(), 16U);
  CHECK_EQ(e.judged_packets, keys);
  CHECK_EQ(e.many_keyed, 1U);
}

TEST(what_is_no_flow_is_counted_by_reason) {
  Bench bench;
  bench.add(eth(ETH_P_ARP) / payload(28)).add(eth(ETH_P_ARP) / payload(28)).add(eth() / ipv4(a, b) / icmp(5, 0));
  Octets cut = whole_packet().bytes();
  cut.resize(20);
  bench.add(cut).add(Octets{}).add(Octets(5));
  const Evidence e = bench.evidence();
  CHECK_EQ(e.flows.total, 0U);
  CHECK_EQ(bench.accounted(e), bench.frames());
}

TEST(flows_beyond_the_bound_are_counted) {
  Bench bench{false, 16};
  for (unsigned port = 1; port <= 40; ++port) bench.add(eth() / ipv4(a, b) / udp(port, 53) / payload(4));
  const Evidence e = bench.evidence();
  CHECK((*bench).tally().untracked_packets > 0);
  CHECK_EQ(bench.accounted(e), 40U);
}

TEST(packets_longer_than_any_interface_sends_are_predicted) {
  // Segmentation offload leaves the length zero (BIG TCP): with a jumbo payload option of RFC 2675, as kernels had it
  // first, or without.
  constexpr std::size_t longest = CaptureFileParser::packet_bytes_max;
  const std::string c = "2001:db8::1", d = "2001:db8::2";
  const Header jumbo{
      .bytes = octets({IPPROTO_TCP, 0, 0xc2, 4, 0, 1, 0x11, 0x70}), .protocol = IPPROTO_HOPOPTS, .protocol_at = 0};
  const Packet packets[]{
      eth() / ipv6(c, d, {.payload_bytes = 0}) / jumbo / tcp(40000, 80) / payload(70'000),
      eth() / ipv6(d, c) / tcp(80, 40000),
      eth() / ipv6(c, d, {.payload_bytes = 0}) / tcp(40001, 80) / payload(longest - 14 - 40 - 20),
      eth() / ipv6(d, c) / tcp(80, 40001),
      eth() / ipv4(a, b, {.total_bytes = 0}) / tcp(40002, 80) / payload(150'000),
      eth() / ipv4(b, a) / tcp(80, 40002),
  };
  PcapBuilder file;
  for (const Packet& packet : packets) {
    const Octets bytes = packet.bytes();
    CHECK(bytes.size() <= longest);
    file.add(1, 0, bytes, static_cast<std::uint32_t>(bytes.size()));
  }
  CapturePrediction prediction{made(false), made(true)};
  (void)prediction.feed(file.bytes());
  prediction.finish();
  CHECK_EQ(prediction.counts().left_out_used, 0U);
  for (const Prediction* group : {&prediction.plain(), &prediction.defragmented()})
    CHECK_EQ(group->evidence(1).flows.consistent, 3U);
}

TEST(several_packets_in_one_radio_frame_are_predicted_one_by_one) {
  const auto body = [](const Packet& packet) {
    const Octets frame = packet.bytes();
    return llc_snap(ETH_P_IP, {frame.begin() + 14, frame.end()});
  };
  Octets frames = subframe(body(whole_packet()), false);
  put_octets(frames, subframe(body(answer()), true));
  const Octets packet = radio(0x88, 2, {0x80, 0}, frames);
  PcapBuilder file{{.link_type = 105}};
  file.add(1, 0, packet, static_cast<std::uint32_t>(packet.size()));
  CapturePrediction prediction{made(false), made(true)};
  (void)prediction.feed(file.bytes());
  prediction.finish();
  CHECK_EQ(prediction.counts().frames, 2U);
  CHECK_EQ(prediction.plain().evidence(1).flows.consistent, 1U);
}

TEST(both_groups_of_a_capture_file_see_the_same_packets) {
  PcapBuilder file;
  for (const Packet& packet : {whole_packet(), fragment(0, true), fragment(16, false), answer()})
    file.add(1, 0, packet.bytes(), static_cast<std::uint32_t>(packet.bytes().size()));
  CapturePrediction prediction{made(false), made(true)};
  for (const std::byte octet : file.bytes()) CHECK_EQ(prediction.feed(std::span{&octet, 1}), 1U);
  prediction.finish();
  CHECK_EQ(prediction.counts().frames, 4U);
  CHECK_EQ(prediction.plain().evidence(1).flows.split, 1U);
  CHECK_EQ(prediction.defragmented().evidence(1).flows.consistent, 1U);
  CHECK_EQ(prediction.plain().counts().packets, 4U);
  CHECK_EQ(prediction.defragmented().counts().packets, 3U);
}

}  // namespace fanout::test
