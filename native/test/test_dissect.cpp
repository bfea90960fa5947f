#include <cstring>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/packet/dissect.hpp"
#include "test/check.hpp"
#include "test/dissect_invariants.hpp"
#include "test/packets.hpp"
#include "test/samples.hpp"
#include "test/tunnels.hpp"

namespace fanout::test {
namespace {

constexpr HashSeed seed{0x0123456789abcdefULL};

Dissection parse(const Octets& frame, StrippedTag tag = {}) { return dissect(frame, tag, seed); }
Dissection parse(const Packet& packet, StrippedTag tag = {}) { return parse(packet.bytes(), tag); }

// In memory of exactly its size, so that a sanitizer sees the first byte read too many.
void expect_rules(std::span<const std::byte> frame, StrippedTag tag = {}) {
  const std::vector<std::byte> exact(frame.begin(), frame.end());
  const char* const rule = broken_rule(exact, tag, seed);
  if (rule != nullptr) CHECK_EQ(std::string{rule}, std::string{});
  // At the frame's own tag, behind one and two, and behind all of it.
  for (const unsigned at : {14U, 18U, 22U, 1500U}) {
    const NetworkStart from{static_cast<std::uint16_t>(exact.size() < 14 ? 0 : octets16(exact, 12)),
                            static_cast<std::uint16_t>(at)};
    const char* const rule_sent = broken_rule_sent(exact, tag, from, seed);
    if (rule_sent != nullptr) CHECK_EQ(std::string{rule_sent}, std::string{});
    const char* const rule_network = broken_rule_network(exact, from, seed);
    if (rule_network != nullptr) CHECK_EQ(std::string{rule_network}, std::string{});
  }
}

Address address4(const std::string& text) {
  Address out{};
  const Octets bytes = address(AF_INET, text);
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

TEST(every_sample_is_recognised) {
  for (const Sample& sample : samples()) {
    const Note note{sample.name};
    const Dissection got = parse(sample.frame);
    CHECK_EQ(got.kind, sample.kind);
    CHECK_EQ(got.stack.text(), sample.stack);
    CHECK_EQ(got.protocol, sample.protocol);
    CHECK_EQ(got.ethertype, sample.ethertype);
    CHECK_EQ(got.marks, sample.marks);
    expect_rules(sample.frame);
    expect_rules(sample.frame, {.present = true});
  }
}

// What follows the type field of the samples, as a device without Ethernet delivers it: at once, and behind a header of
// the device.
TEST(a_packet_without_ethernet_is_that_of_the_frame_around_it) {
  for (const Sample& sample : samples()) {
    if (sample.frame.size() < ETH_HLEN) continue;
    const Note note{sample.name};
    const auto type = static_cast<std::uint16_t>(octets16(sample.frame, 12));
    // A length is no protocol that such a device has.
    if (type < ETH_P_802_3_MIN) continue;
    for (const std::uint16_t header_bytes : {std::uint16_t{0}, std::uint16_t{4}, std::uint16_t{24}}) {
      Octets bare(header_bytes, std::byte{0x45});
      bare.insert(bare.end(), sample.frame.begin() + ETH_HLEN, sample.frame.end());
      const Dissection got = dissect_network(bare, {type, header_bytes}, seed);
      const Dissection whole = parse(sample.frame);
      CHECK(same(got, whole));
      CHECK_EQ(got.tags, whole.tags);
      if (got.kind != PacketKind::flow) continue;
      CHECK_EQ(got.network_at + ETH_HLEN, whole.network_at + header_bytes);
      CHECK_EQ(got.transport_at + ETH_HLEN, whole.transport_at + header_bytes);
      CHECK_EQ(rank_of(bare, got, seed), rank_of(sample.frame, whole, seed));
    }
  }
}

TEST(a_network_header_that_lies_behind_the_packet_is_none) {
  const Octets bare(20, std::byte{0x45});
  for (const unsigned at : {19U, 20U, 21U, 65535U})
    CHECK_EQ(dissect_network(bare, {ETH_P_IP, static_cast<std::uint16_t>(at)}, seed).kind, PacketKind::truncated);
}

TEST(the_key_holds_the_five_tuple_in_canonical_order) {
  const Dissection up = parse(eth() / ipv4("10.0.0.9", "10.0.0.1") / tcp(1024, 80));
  CHECK_EQ(up.direction, Direction::reverse);
  CHECK(up.key == FlowKey({address4("10.0.0.1"), address4("10.0.0.9"), 80, 1024, IPPROTO_TCP, 4, 0}));
  const Dissection down = parse(eth() / ipv4("10.0.0.1", "10.0.0.9") / tcp(80, 1024));
  CHECK_EQ(down.direction, Direction::forward);
  CHECK(down.key == up.key);
  CHECK_EQ(down.kernel_key, up.kernel_key);
  CHECK_EQ(down.flow_hash, up.flow_hash);
}

// The order of bytes on the wire, not of integers in memory; the last word decides if the first is equal.
TEST(addresses_are_ordered_as_bytes) {
  const auto direction = [](const Header& ip) { return parse(eth() / ip / udp(5, 5)).direction; };
  CHECK_EQ(direction(ipv4("1.0.0.2", "2.0.0.1")), Direction::forward);
  CHECK_EQ(direction(ipv4("10.0.0.1", "10.0.0.129")), Direction::forward);
  CHECK_EQ(direction(ipv4("200.0.0.1", "100.0.0.1")), Direction::reverse);
  CHECK_EQ(direction(ipv6("::1:0:0:0:2", "::2:0:0:0:1")), Direction::forward);
  CHECK_EQ(direction(ipv6("2001:db8::2", "2001:db8::100")), Direction::forward);
  CHECK_EQ(direction(ipv6("ff00::", "fe00::")), Direction::reverse);
}

TEST(between_equal_addresses_the_ports_give_the_direction) {
  CHECK_EQ(parse(eth() / ipv4("10.0.0.1", "10.0.0.1") / udp(7, 9)).direction, Direction::forward);
  CHECK_EQ(parse(eth() / ipv4("10.0.0.1", "10.0.0.1") / udp(9, 7)).direction, Direction::reverse);
  CHECK_EQ(parse(eth() / ipv4("10.0.0.1", "10.0.0.1") / udp(9, 9)).direction, Direction::forward);
  // Ports of a tunnel are none of the flow inside.
  const Packet tunnel = eth() / ipv4("10.0.0.1", "10.0.0.2") / udp(50000, 4789) / vxlan() / eth();
  CHECK_EQ(parse(tunnel / ipv4("10.0.0.1", "10.0.0.1", {.protocol = 89})).direction, Direction::forward);
}

TEST(an_echo_is_keyed_by_its_identifier) {
  const Dissection request = parse(eth() / ipv4("10.0.0.1", "10.0.0.2") / icmp(8, 77));
  const Dissection reply = parse(eth() / ipv4("10.0.0.2", "10.0.0.1") / icmp(0, 77));
  CHECK_EQ(request.key.a_port, 77);
  CHECK_EQ(request.key.b_port, 77);
  CHECK(request.key == reply.key);
  CHECK_EQ(request.direction, Direction::forward);
  CHECK_EQ(reply.direction, Direction::reverse);
  // A host that pings itself: only the type is left to tell the directions apart.
  CHECK_EQ(parse(eth() / ipv6("::1", "::1") / icmp6(128, 77)).direction, Direction::forward);
  CHECK_EQ(parse(eth() / ipv6("::1", "::1") / icmp6(129, 77)).direction, Direction::reverse);
}

// What a router or a host says about a packet, to the one that sent it.
TEST(an_icmp_error_is_of_the_flow_that_it_quotes_and_goes_back) {
  const std::string a = "10.0.0.1", b = "192.0.2.200", router = "203.0.113.1", a6 = "2001:db8::1", b6 = "2001:db8::2";
  const Header quoted4 = ipv4(a, b, {.total_bytes = 1500});
  const Header quoted6 = ipv6(a6, b6, {.payload_bytes = 1400});
  const auto expect = [](const Packet& error, const Packet& about) {
    const Dissection got = parse(error), flow = parse(about);
    CHECK(got.key == flow.key);
    CHECK_EQ(got.flow_hash, flow.flow_hash);
    CHECK_EQ(got.kind, PacketKind::flow);
    CHECK(got.direction != flow.direction);
    CHECK((got.marks & mark_icmp_error) != 0);
    CHECK_EQ(got.marks & mark_echo_request, 0);
    CHECK(got.kernel_key != flow.kernel_key);
  };
  expect(eth() / ipv4(router, a) / icmp(11, 0) / quoted4 / tcp(1024, 80), eth() / ipv4(a, b) / tcp(1024, 80));
  expect(eth() / ipv4(b, a) / icmp(3, 0) / quoted4 / udp(5, 53), eth() / ipv4(a, b) / udp(5, 53));
  expect(eth() / ipv4(router, a) / icmp(3, 0) / quoted4 / icmp(8, 77), eth() / ipv4(a, b) / icmp(8, 77));
  expect(eth() / ipv6("2001:db8::ff", a6) / icmp6(2, 0) / quoted6 / tcp(1024, 80),
         eth() / ipv6(a6, b6) / tcp(1024, 80));
  expect(eth() / vlan(3) / ipv6("2001:db8::ff", a6) / icmp6(1, 0) / quoted6 / udp(9, 10),
         eth() / ipv6(a6, b6) / udp(9, 10));
  // The flow within a tunnel that is quoted.
  expect(eth() / ipv4(router, a) / icmp(11, 0) / quoted4 / ipv4("10.1.0.1", "10.1.0.2") / tcp(1, 2),
         eth() / ipv4(a, b) / ipv4("10.1.0.1", "10.1.0.2") / tcp(1, 2));
  // The kernel hashes the error's own addresses, whatever it quotes.
  CHECK_EQ(parse(eth() / ipv4(router, a) / icmp(11, 0) / quoted4 / tcp(1024, 80)).kernel_key,
           parse(eth() / ipv4(a, router) / icmp(8, 77)).kernel_key);
}

TEST(the_pieces_of_a_datagram_know_each_other) {
  const std::string a = "10.0.0.1", b = "192.0.2.200", c = "2001:db8::1", d = "2001:db8::2";
  const auto first4 = [&](unsigned id) {
    return parse(eth() / ipv4(a, b, {.id = id, .more_fragments = true}) / udp(5, 53) / payload(16));
  };
  const auto later4 = [&](unsigned id, unsigned offset, bool more, unsigned protocol = IPPROTO_UDP) {
    return parse(eth() /
                 ipv4(a, b, {.protocol = protocol, .id = id, .fragment_offset = offset, .more_fragments = more}) /
                 payload(21));
  };
  const Dissection first = first4(7), middle = later4(7, 24, true), last = later4(7, 48, false);
  CHECK(first.fragment.datagram != 0);
  CHECK_EQ(first.fragment.datagram, middle.fragment.datagram);
  CHECK_EQ(first.fragment.datagram, last.fragment.datagram);
  CHECK_EQ(first.kernel_key, last.kernel_key);
  CHECK_EQ(first.fragment.begin, 0);
  CHECK_EQ(first.fragment.end, 3);
  CHECK_EQ(first.fragment.last, 0);
  CHECK_EQ(last.fragment.begin, 6);
  CHECK_EQ(last.fragment.end, 9);
  CHECK_EQ(last.fragment.last, 1);
  CHECK_EQ(last.direction, first.direction);
  CHECK(last.key.a == first.key.a && last.key.b == first.key.b);
  // Another identification, protocol or direction is another datagram; so is that of the answer.
  CHECK(first4(8).fragment.datagram != first.fragment.datagram);
  CHECK(later4(7, 24, true, IPPROTO_TCP).fragment.datagram != first.fragment.datagram);
  CHECK(parse(eth() / ipv4(b, a, {.id = 7, .more_fragments = true}) / udp(53, 5)).fragment.datagram !=
        first.fragment.datagram);
  // In another wrapping it is a copy.
  CHECK_EQ(
      parse(eth() / vlan(3) / mpls(16, true) / ipv4(a, b, {.id = 7, .more_fragments = true}) / udp(5, 53) / payload(16))
          .fragment.datagram,
      first.fragment.datagram);
  // IPv6 tells datagrams apart by addresses and identification alone.
  const Dissection first6 = parse(eth() / ipv6(c, d) / frag6(0, true) / udp(5, 53) / payload(8));
  const Dissection last6 =
      parse(eth() / ipv6(c, d) / extension(IPPROTO_HOPOPTS) / frag6(16, false, IPPROTO_UDP) / payload(8));
  CHECK(first6.fragment.datagram != 0);
  CHECK_EQ(first6.fragment.datagram, last6.fragment.datagram);
  CHECK_EQ(first6.fragment.end, 2);
  CHECK_EQ(last6.fragment.begin, 2);
  CHECK_EQ(last6.fragment.end, 3);
  // All of a datagram in one fragment is nothing to join, and neither is what an error quotes.
  CHECK_EQ(parse(eth() / ipv6(c, d) / frag6(0, false) / udp(5, 53)).fragment.datagram, 0);
  CHECK_EQ(parse(eth() / ipv4(b, a) / icmp(11, 0) / ipv4(a, b, {.id = 7, .more_fragments = true}) / udp(5, 53))
               .fragment.datagram,
           0);
  // The datagram is the outer one; a later piece of one within its first piece has no place anywhere.
  const Packet outer = eth() / ipv4(a, b, {.id = 7, .more_fragments = true});
  CHECK(parse(outer / ipv4("10.1.0.1", "10.1.0.2", {.more_fragments = true}) / udp(1, 2)).fragment.datagram != 0);
  CHECK_EQ(parse(outer / ipv4("10.1.0.1", "10.1.0.2", {.protocol = 17, .fragment_offset = 8}) / payload(8))
               .fragment.datagram,
           0);
}

TEST(copies_of_a_packet_have_one_rank) {
  const std::string a = "10.0.0.1", b = "192.0.2.200", c = "2001:db8::1", d = "2001:db8::2";
  const auto rank = [](const Packet& packet) {
    const Octets frame = packet.bytes();
    return rank_of(frame, parse(frame), seed);
  };
  const auto segment = [&](std::uint32_t sequence) {
    Header out = tcp(1024, 80);
    out.bytes[7] = static_cast<std::byte>(sequence);
    return out;
  };
  const Packet plain = eth() / ipv4(a, b, {.id = 5}) / segment(1);
  CHECK_EQ(rank(eth() / vlan(7) / ipv4(a, b, {.id = 5, .ttl = 9}) / segment(1)), rank(plain));
  CHECK_EQ(rank(eth() / mpls(16, true) / ipv4(a, b, {.id = 5}) / segment(1) / payload(0)), rank(plain));
  CHECK_EQ(rank(eth() / ipv4(b, a) / ipv4(a, b, {.id = 5}) / segment(1)), rank(plain));
  Octets padded = plain.bytes();
  padded.resize(padded.size() + 6);
  CHECK_EQ(rank_of(padded, parse(padded), seed), rank(plain));
  CHECK(rank(eth() / ipv4(a, b, {.id = 6}) / segment(1)) != rank(plain));
  CHECK(rank(eth() / ipv4(a, b, {.id = 5}) / segment(2)) != rank(plain));
  CHECK(rank(eth() / ipv4(a, b, {.id = 5}) / segment(1) / payload(1)) != rank(plain));
  const Packet plain6 = eth() / ipv6(c, d) / segment(1);
  CHECK_EQ(rank(eth() / vlan(7) / ipv6(c, d, {.flow_label = 5}) / segment(1)), rank(plain6));
  CHECK(rank(eth() / ipv6(c, d) / segment(2)) != rank(plain6));
  // And those whose length is too great for its field, which is zero then.
  CHECK(rank(eth() / ipv6(c, d, {.payload_bytes = 0}) / segment(2)) !=
        rank(eth() / ipv6(c, d, {.payload_bytes = 0}) / segment(1)));
  CHECK(rank(eth() / ipv4(a, b, {.total_bytes = 0, .id = 5}) / segment(2)) !=
        rank(eth() / ipv4(a, b, {.total_bytes = 0, .id = 5}) / segment(1)));
  // Short ones, too.
  CHECK(rank(eth() / ipv4(a, b, {.id = 5}) / udp(1, 2)) != rank(eth() / ipv4(a, b, {.id = 6}) / udp(1, 2)));
}

TEST(a_stripped_tag_is_the_outermost_layer) {
  const StrippedTag tag{.present = true, .tpid = ETH_P_8021AD, .tci = 7};
  CHECK_EQ(parse(eth() / ipv4("10.0.0.1", "10.0.0.2") / tcp(1, 2), tag).stack.text(), std::string{"vlan/ipv4/tcp"});
  CHECK_EQ(parse(eth() / vlan(5) / ipv4("10.0.0.1", "10.0.0.2") / tcp(1, 2), tag).stack.text(),
           std::string{"vlan/vlan/ipv4/tcp"});
  CHECK_EQ(parse(eth(ETH_P_ARP) / payload(28), tag).stack.text(), std::string{"vlan/other"});
}

// Each row: packets that one fanout member must get, measured or read from the kernel (all of them have the same flow
// or class).
TEST(the_kernel_key_is_equal_where_the_kernel_hashes_alike) {
  const std::string a = "10.0.0.1", b = "10.0.0.129", c = "2001:db8::1", d = "2001:db8::2";
  const auto first = ipv4(a, b, {.more_fragments = true});
  const auto later = ipv4(a, b, {.protocol = IPPROTO_TCP, .fragment_offset = 8});
  const Packet plain = eth() / ipv4(a, b) / tcp(1024, 80), plain6 = eth() / ipv6(c, d) / tcp(1024, 80);
  const std::vector<std::pair<const char*, std::vector<Packet>>> rows = {
      {"tags, options, TTL, IP id and ports sorted by themselves",
       {plain, eth() / vlan(5) / ipv4(a, b) / tcp(1024, 80), eth() / vlan(6) / ipv4(b, a) / tcp(80, 1024),
        eth() / vlan(1, ETH_P_8021AD) / vlan(2) / vlan(3) / ipv4(a, b) / tcp(1024, 80),
        eth() / ipv4(a, b, {.id = 9, .ttl = 1}) / tcp(1024, 80),
        eth() / ipv4(a, b, {.options = octets({1, 1, 1, 0})}) / tcp(1024, 80), eth() / ipv4(a, b) / tcp(80, 1024)}},
      {"flow label and extension headers",
       {plain6, eth() / ipv6(d, c, {.flow_label = 77}) / tcp(80, 1024),
        eth() / ipv6(c, d) / extension(IPPROTO_HOPOPTS) / tcp(1024, 80),
        eth() / ipv6(c, d) / extension(IPPROTO_ROUTING, 2) / extension(IPPROTO_DSTOPTS) / tcp(1024, 80)}},
      {"all fragments between two hosts",
       {eth() / first / tcp(1024, 80), eth() / first / tcp(3, 4), eth() / later / payload(8)}},
      {"an IPv4 header alone is hashed like a fragment",
       {eth() / later / payload(8), eth() / ipv4(a, b, {.protocol = IPPROTO_TCP})}},
      {"IPv6 fragments, the atomic one included",
       {eth() / ipv6(c, d) / frag6(0, false) / tcp(1024, 80), eth() / ipv6(d, c) / frag6(0, true) / tcp(3, 4),
        eth() / ipv6(c, d) / frag6(8, false, IPPROTO_TCP) / payload(8)}},
      {"ICMP of any type and identifier",
       {eth() / ipv4(a, b) / icmp(8, 1), eth() / ipv4(b, a) / icmp(0, 1), eth() / ipv4(a, b) / icmp(8, 2),
        eth() / ipv4(a, b) / icmp(3, 0)}},
      {"one security parameters index for both directions",
       {eth() / ipv4(a, b) / esp(0x11112222), eth() / ipv4(b, a) / esp(0x22221111)}},
      {"the index of an authentication header, not what follows it",
       {eth() / ipv4(a, b) / ah(0x11112222, IPPROTO_TCP), eth() / ipv4(b, a) / ah(0x22221111, IPPROTO_UDP)}},
      {"an unknown ethertype",
       {eth(ETH_P_ARP) / payload(28, 1), eth(ETH_P_ARP) / payload(60, 2),
        eth() / vlan(5, ETH_P_8021Q, ETH_P_ARP) / payload(28)}},
      {"LLC of any length, also in a VLAN",
       {eth(38) / payload(38), eth(100) / payload(100), eth() / vlan(5, ETH_P_8021Q, 60) / payload(60)}},
      {"tags that the kernel does not know hide everything, each by itself",
       {eth() / cisco_metadata() / ipv4(a, b) / tcp(1, 2),
        eth() / vlan(5) / cisco_metadata() / ipv6(c, d) / udp(3, 4)}},
      {"FabricPath",
       {eth() / fabric_path() / eth() / ipv4(a, b) / tcp(1, 2),
        eth() / fabric_path() / eth() / vlan(5) / ipv6(c, d) / udp(3, 4)}},
      {"service headers",
       {eth() / nsh(1) / ipv4(a, b) / tcp(1, 2), eth() / nsh(3, 2, 2) / eth() / ipv6(c, d) / udp(3, 4)}},
      {"SNAP is hashed like any LLC, also in a VLAN",
       {eth(38) / payload(38), eth() / snap() / ipv4(a, b) / tcp(1, 2),
        eth() / vlan(5) / snap() / ipv6(c, d) / udp(3, 4)}},
      {"PPP in GRE of version 0 hides everything behind the addresses",
       {eth() / ipv4(a, b) / gre(0, 0x880b) / ppp({0, 0x21}) / ipv4(a, b) / tcp(1, 2),
        eth() / ipv4(b, a) / gre(0x2000, 0x880b) / ppp({0x57}) / ipv6(c, d) / udp(3, 4)}},
      {"a source route hides everything behind the addresses, the type included",
       {eth() / ipv4(a, b) / gre_routed() / ipv4(a, b) / tcp(1, 2),
        eth() / ipv4(b, a) / gre_routed() / ipv6(c, d) / udp(3, 4)}},
      {"Ethernet directly in IP",
       {eth() / ipv6(c, d) / eth() / ipv4(a, b) / tcp(1, 2), eth() / ipv6(d, c) / eth() / ipv6(c, d) / udp(3, 4)}},
      {"0x9100 hides everything",
       {eth() / vlan(5, 0x9100) / ipv4(a, b) / tcp(1, 2), eth() / vlan(6, 0x9100) / ipv6(c, d) / udp(3, 4)}},
      {"labels hide everything",
       {eth() / mpls(16, true) / ipv4(a, b) / tcp(1, 2),
        eth() / mpls(17, false) / mpls(18, true) / eth() / ipv6(c, d) / udp(3, 4),
        eth() / pppoe(0x281) / mpls(16, true) / ipv4(a, b) / tcp(5, 6)}},
      {"labels behind an IP header, whatever they wrap",
       {eth() / ipv4(a, b) / mpls(16, true) / ipv4(a, b) / tcp(1, 2),
        eth() / ipv4(b, a) / mpls(17, true) / ipv6(c, d) / udp(3, 4)}},
      {"ERSPAN of any type II header and content",
       {eth() / ipv4(a, b) / gre_erspan(0x1000, 0x88be) / erspan2() / eth() / ipv4(a, b) / tcp(1, 2),
        eth() / ipv4(b, a) / gre_erspan(0, 0x88be) / eth() / ipv6(c, d) / udp(3, 4)}},
      {"PPP that is not IP",
       {eth() / ipv4(a, b) / gre(0x3001, 0x880b) / ppp({0xff, 3, 0xc0, 0x21, 1}),
        eth() / ipv4(b, a) / gre(0x2081, 0x880b)}},
      {"the octets of an IPv6 source that an IPv4 pair covers again",
       {plain, eth() / ipv6("2001:db8:1::1", "2001:db8:2:2:0:0:9:9") / ipv4(a, b) / tcp(1024, 80)}},
      {"the octets left by the innermost IPv6 header",
       {eth() / ipv6("::5:0:0", d) / ipv4(a, b) / tcp(1, 2),
        eth() / ipv6("::6:0:0", d) / ipv6("::5:0:0", c) / ipv4(a, b) / tcp(1, 2),
        eth() / ipv6("::5:0:0", d) / ipv4(a, b) / ipv4(a, b) / tcp(1, 2)}},
      {"the frame, not the length field, bounds the kernel",
       {plain, eth() / ipv4(a, b, {.total_bytes = 20}) / tcp(1024, 80),
        eth() / ipv4(a, b, {.total_bytes = 3}) / tcp(1024, 80), eth() / ipv4(a, b, {.version = 5}) / tcp(1024, 80)}},
  };
  for (const auto& [name, packets] : rows) {
    const Note note{name};
    for (const Packet& packet : packets) CHECK_EQ(parse(packet).kernel_key, parse(packets.front()).kernel_key);
  }
}

TEST(the_kernel_key_differs_where_the_kernel_hashes_apart) {
  const std::string a = "10.0.0.1", b = "10.0.0.2", c = "2001:db8::1", d = "2001:db8::2";
  const std::vector<Packet> packets = {
      eth() / ipv4(a, b) / tcp(1024, 80),
      eth() / ipv4(a, b) / tcp(1024, 81),
      eth() / ipv4(a, b) / tcp(1025, 80),
      eth() / ipv4(a, b) / udp(1024, 80),
      eth() / ipv4(a, "10.0.0.3") / tcp(1024, 80),
      eth() / ipv4(a, "10.0.0.130") / tcp(1024, 80),
      eth() / ipv4(a, b, {.more_fragments = true}) / tcp(1024, 80),
      eth() / ipv4(a, b, {.more_fragments = true}) / udp(1024, 80),
      eth() / ipv4(a, b) / icmp(8, 1),
      eth() / ipv4(a, b) / esp(0x11112222),
      eth() / ipv4(a, b) / esp(0x11112223),
      eth() / ipv4(a, b) / ah(0x11112222),
      eth() / ipv4(a, b) / ah(0x11112223),
      eth() / ipv4(a, b, {.protocol = 89}) / payload(8),
      eth() / ipv6(c, d) / tcp(1024, 80),
      eth() / ipv6(c, "2001:db8:1::2") / tcp(1024, 80),
      eth() / ipv6(c, d) / frag6(0, false) / tcp(1024, 80),
      // Behind a fragment header the kernel knows only what that header announces.
      eth() / ipv6(c, d) / frag6(0, false) / extension(IPPROTO_DSTOPTS) / tcp(1024, 80),
      eth() / ipv6(c, d) / icmp6(128, 1),
      eth(ETH_P_ARP) / payload(28),
      eth(0x9100) / payload(28),
      eth(0x9200) / payload(28),
      eth(0x8909) / payload(28),
      eth(0x8903) / payload(28),
      eth(0x8926) / payload(28),
      eth(0x893f) / payload(28),
      eth(0x894f) / payload(28),
      eth(0x88e7) / payload(28),
      eth() / ipv4(a, b) / eoip() / eth() / ipv4(a, b) / tcp(1, 2),
      eth() / ipv4(a, b) / gre(0, 0x880b) / ppp({0, 0x21}) / ipv4(a, b) / tcp(1, 2),
      eth() / vlan(5, ETH_P_8021AD) / vlan(6, ETH_P_8021Q, 38) / payload(38),
      eth() / vlan(5, ETH_P_8021AD) / vlan(6, ETH_P_8021Q, 39) / payload(39),
      eth() / mpls(16, true) / ipv4(a, b) / tcp(1, 2),
      eth() / mpls(16, true, ETH_P_MPLS_MC) / ipv4(a, b) / tcp(1, 2),
      eth() / ipv4(a, b) / mpls(16, true) / ipv4(a, b) / tcp(1, 2),
      eth() / pppoe(0xc021) / payload(8),
      eth() / ipv4(a, b) / gre(0x4000) / ipv4(a, b) / tcp(1, 2),
      eth() / ipv4(a, b) / gre(0, 0x1234) / payload(8),
      eth() / ipv4(a, b) / gre(0, 0x1235) / payload(8),
      eth() / ipv4(a, b) / etherip() / eth() / ipv4(a, b) / tcp(1, 2),
      // Four octets of an IPv6 source, of that header alone which is next to the IPv4 header.
      eth() / ipv6("::5:0:0", d) / ipv4(a, b) / tcp(1024, 80),
      eth() / ipv6("::6:0:0", d) / ipv4(a, b) / tcp(1024, 80),
  };
  std::map<std::uint64_t, std::size_t> seen;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto [place, fresh] = seen.emplace(parse(packets[i]).kernel_key, i);
    const Note note{"packets " + std::to_string(place->second) + " and " + std::to_string(i)};
    CHECK(fresh);
  }
}

// The point of the whole: wrapped or not, a flow is the same flow to an IDS, while the kernel sees it only through some
// wrappings.
TEST(a_wrapped_flow_is_the_flow_inside) {
  for (const Wrapping& wrapping : wrappings()) {
    for (const Inner& inner : inner_packets()) {
      const Pair pair = pair_of(wrapping, inner);
      const Note note{wrapping.name + " around " + pair.stack};
      const Dissection there = parse(pair.there), back = parse(pair.back), bare = parse(pair.bare_there);
      CHECK_EQ(there.kind, PacketKind::flow);
      CHECK_EQ(there.stack.text(), pair.stack);
      CHECK_EQ(back.stack.text(), pair.stack);
      CHECK(there.key == bare.key);
      CHECK_EQ(there.flow_hash, bare.flow_hash);
      CHECK(back.key == there.key);
      CHECK_EQ(there.direction, bare.direction);
      CHECK_EQ(back.direction, parse(pair.bare_back).direction);
      CHECK_EQ(there.kernel_key == bare.kernel_key, wrapping.hashed == Hashed::inner);
      CHECK_EQ(back.kernel_key == there.kernel_key, wrapping.hashed != Hashed::one_way);
      const unsigned marks = wrapping.name.starts_with("ah-") ? mark_index : 0;
      CHECK_EQ(there.marks & ~mark_echo_request, marks);
      CHECK_EQ(back.marks, marks);
      const StrippedTag tag{.present = true};
      CHECK(same_flow(parse(pair.there, tag), there));
      CHECK_EQ(parse(pair.there, tag).stack.text(), "vlan/" + pair.stack);
    }
  }
}

// Where the kernel does not look inside, all flows of one tunnel have its key.
TEST(an_unseen_flow_has_no_part_in_the_kernel_key) {
  for (const Wrapping& wrapping : wrappings()) {
    if (wrapping.hashed == Hashed::inner) continue;
    const Note note{wrapping.name};
    const std::vector<Inner> inner = inner_packets();
    for (const Inner& other : inner)
      CHECK_EQ(parse(pair_of(wrapping, other).there).kernel_key,
               parse(pair_of(wrapping, inner.front()).there).kernel_key);
  }
}

// The first piece of a datagram says what the kernel would hash if it came whole, whatever it wraps; later ones do not
// know.
TEST(a_first_piece_has_the_digest_of_its_whole_datagram) {
  unsigned pieces = 0;
  for (const Wrapping& wrapping : wrappings()) {
    for (const Inner& inner : inner_packets()) {
      const Pair pair = pair_of(wrapping, inner);
      for (const Packet& packet : {pair.there, pair.back}) {
        const Note note{wrapping.name + " around " + pair.stack};
        const Dissection whole = parse(packet);
        Octets frame = packet.bytes();
        std::size_t at = 0;
        for (const Header& header : wrapping.there) {
          if (header.ethertype == ETH_P_IP) break;
          at += header.bytes.size();
        }
        if (frame.at(at) != std::byte{0x45}) continue;
        frame.at(at + 6) = std::byte{0x20};
        const Dissection piece = parse(frame);
        CHECK_EQ(piece.kind, PacketKind::flow);
        CHECK(piece.key == whole.key);
        CHECK(piece.stack.without_fragments() == whole.stack);
        // Where the kernel has stopped before, it does not even see that.
        if ((piece.marks & mark_fragment) == 0) {
          CHECK_EQ(piece.kernel_key, whole.kernel_key);
          continue;
        }
        ++pieces;
        CHECK_EQ(piece.tags, tag_digest::of_whole(whole.kernel_key));
        CHECK_EQ(piece.marks & ~mark_fragment, whole.marks);
        frame.at(at + 7) = std::byte{1};
        const Dissection later = parse(frame);
        CHECK_EQ(later.kind, PacketKind::fragment_later);
        CHECK_EQ(later.tags, tag_digest::unknown);
        CHECK_EQ(with_tag(later, {.present = true, .tci = 5}), tag_digest::unknown);
      }
    }
  }
  CHECK(pieces > 200);
}

TEST(what_is_fragmented_once_more_is_whole_inside_a_whole_datagram) {
  const std::string a = "10.0.0.1", b = "10.0.0.2", c = "10.9.0.1", d = "10.9.0.2", e = "2001:db8::1:0:0:1",
                    f = "2001:db8::2:0:0:1";
  const auto first = [](const std::string& from, const std::string& to) {
    return ipv4(from, to, {.more_fragments = true});
  };
  const Dissection whole = parse(eth() / ipv4(a, b) / ipv4(c, d) / udp(1, 2));
  CHECK_EQ(parse(eth() / first(a, b) / first(c, d) / udp(1, 2)).tags, tag_digest::of_whole(whole.kernel_key));
  CHECK_EQ(parse(eth() / ipv4(a, b) / first(c, d) / udp(1, 2)).tags, tag_digest::of_whole(whole.kernel_key));
  // Each direction has octets of its own there.
  const Dissection stale = parse(eth() / ipv6(e, f) / frag6(0, true) / ipv4(a, b) / udp(1, 2));
  CHECK_EQ(stale.tags, tag_digest::of_whole(parse(eth() / ipv6(e, f) / ipv4(a, b) / udp(1, 2)).kernel_key));
  CHECK_EQ(stale.marks, mark_fragment | mark_stale_ipv6);
  const Dissection index = parse(eth() / first(a, b) / esp(7));
  CHECK_EQ(index.tags, tag_digest::of_whole(parse(eth() / ipv4(a, b) / esp(7)).kernel_key));
  CHECK_EQ(index.marks, mark_fragment | mark_index);
}

// Of two IPv6 endpoints that differ in octets 8 to 11, each direction hashes its own.
TEST(the_stale_octets_part_the_directions) {
  const std::string a = "2001:db8::1:0:0:1", b = "2001:db8::2:0:0:1";
  const Dissection there = parse(eth() / ipv6(a, b) / ipv4("10.0.0.1", "10.0.0.2") / tcp(1, 2));
  const Dissection back = parse(eth() / ipv6(b, a) / ipv4("10.0.0.2", "10.0.0.1") / tcp(2, 1));
  CHECK(there.key == back.key);
  CHECK(there.kernel_key != back.kernel_key);
  CHECK_EQ(there.marks & back.marks, mark_stale_ipv6);
  const Dissection same_octets = parse(eth() / ipv6("2001:db9::1:0:0:7", a) / ipv4("10.0.0.2", "10.0.0.1") / tcp(2, 1));
  CHECK_EQ(same_octets.kernel_key, there.kernel_key);
}

// ---- sent by this host. Where each begins is what Linux 6.18 tells of frames from a packet socket:
// test/kernel/sent-packets.test.ts.

Dissection sent(const Packet& packet, unsigned protocol, unsigned network_at, StrippedTag tag = {}) {
  return dissect_sent(packet.bytes(), tag,
                      {static_cast<std::uint16_t>(protocol), static_cast<std::uint16_t>(network_at)}, seed);
}

TEST(what_is_sent_without_a_tag_is_hashed_as_if_received) {
  const Packet four = eth() / ipv4("10.0.0.1", "10.0.0.2") / tcp(1, 2), six = eth() / ipv6("::1", "::2") / udp(1, 2);
  CHECK(same(sent(four, ETH_P_IP, 14), parse(four)));
  CHECK(same(sent(six, ETH_P_IPV6, 14), parse(six)));
  // With a tag that the driver will insert.
  CHECK(same(sent(four, ETH_P_IP, 14, {.present = true}), parse(four, {.present = true})));
  // Before Linux 5.1 the protocol of the sender's socket stayed.
  const Dissection old = sent(four, ETH_P_ALL, 14);
  CHECK(old.kernel_key != parse(four).kernel_key);
  CHECK_EQ(old.kernel_key, sent(six, ETH_P_ALL, 14).kernel_key);
  CHECK_EQ(old.marks & mark_sent_tagged, 0);
}

TEST(what_is_sent_with_the_tag_in_its_bytes_is_hashed_by_what_stands_behind_it) {
  const auto tagged = [](const char* src, unsigned port, unsigned bytes, unsigned id = 100) {
    return eth() / vlan(id) / ipv4(src, "10.0.0.2") / udp(port, 53) / payload(bytes);
  };
  const Dissection first = sent(tagged("10.0.0.1", 1, 10), ETH_P_8021Q, 18);
  CHECK_EQ(first.marks, mark_sent_tagged);
  CHECK_EQ(first.stack.text(), "vlan/ipv4/udp");
  CHECK(first.key == parse(tagged("10.0.0.1", 1, 10)).key);
  CHECK(first.kernel_key != parse(tagged("10.0.0.1", 1, 10)).kernel_key);
  // Of one length they are all alike, of another they are not.
  CHECK_EQ(sent(tagged("10.9.9.9", 7, 10, 5), ETH_P_8021Q, 18).kernel_key, first.kernel_key);
  CHECK(sent(tagged("10.0.0.1", 1, 11), ETH_P_8021Q, 18).kernel_key != first.kernel_key);
  // Two tags in the bytes, or one of them for the driver to insert.
  const Packet two = eth() / vlan(1, ETH_P_8021AD) / vlan(2) / ipv4("10.0.0.1", "10.0.0.2") / udp(1, 53) / payload(10);
  CHECK_EQ(sent(two, ETH_P_8021AD, 22).kernel_key, first.kernel_key);
  CHECK_EQ(sent(tagged("10.0.0.1", 1, 10), ETH_P_8021Q, 18, {.present = true}).kernel_key, first.kernel_key);
  // Of IPv6 sixteen bits of the label.
  const auto six = [](const char* src, std::uint32_t label) {
    return eth() / vlan(1) / ipv6(src, "::2", {.flow_label = label}) / udp(1, 2);
  };
  CHECK_EQ(sent(six("::1", 0), ETH_P_8021Q, 18).kernel_key, sent(six("::7", 0x30000), ETH_P_8021Q, 18).kernel_key);
  CHECK(sent(six("::1", 1), ETH_P_8021Q, 18).kernel_key != sent(six("::1", 2), ETH_P_8021Q, 18).kernel_key);
  CHECK_EQ(sent(six("::1", 1), ETH_P_8021Q, 18).marks, mark_sent_tagged);
}

// A kernel whose packet socket leaves the network header where the tag is, and a bridge that passes two tags on.
TEST(a_tag_that_is_found_is_no_obstacle) {
  const Packet one = eth() / vlan(1) / ipv4("10.0.0.1", "10.0.0.2") / udp(1, 53);
  const Packet two = eth() / vlan(1, ETH_P_8021AD) / vlan(2) / ipv4("10.0.0.1", "10.0.0.2") / udp(1, 53);
  CHECK(same(sent(one, ETH_P_8021Q, 14), parse(one)));
  CHECK(same(sent(two, ETH_P_8021AD, 14), parse(two)));
  CHECK(same(sent(two, ETH_P_8021AD, 18), parse(two)));
}

// ---- other kernels

Dissection on(const KernelModel& kernel, const Packet& packet) { return dissect(packet.bytes(), {}, seed, kernel); }

struct Directions {
  Packet there, back;
};

TEST(ports_may_be_exchanged_with_addresses) {
  const KernelModel joint{.ports_with_addresses = true};
  const std::string a = "10.0.0.1", b = "10.0.0.2", c = "2001:db8::1", d = "2001:db8::2";
  for (const auto& [there, back] : {Directions{eth() / ipv4(a, b) / tcp(1024, 80), eth() / ipv4(b, a) / tcp(80, 1024)},
                                    Directions{eth() / ipv4(a, b) / tcp(80, 1024), eth() / ipv4(b, a) / tcp(1024, 80)},
                                    Directions{eth() / ipv6(c, d) / udp(9, 7), eth() / ipv6(d, c) / udp(7, 9)},
                                    Directions{eth() / ipv4(a, a) / udp(9, 7), eth() / ipv4(a, a) / udp(7, 9)},
                                    Directions{eth() / ipv4(a, b) / gre(0) / ipv4(b, a) / tcp(9, 7),
                                               eth() / ipv4(b, a) / gre(0) / ipv4(a, b) / tcp(7, 9)}}) {
    CHECK_EQ(on(joint, there).kernel_key, on(joint, back).kernel_key);
    CHECK(on(joint, there).key == on({}, there).key);
  }
  const Packet exchanged = eth() / ipv4(a, b) / tcp(80, 1024), plain = eth() / ipv4(a, b) / tcp(1024, 80);
  CHECK(on(joint, exchanged).kernel_key != on(joint, plain).kernel_key);
  CHECK_EQ(on({}, exchanged).kernel_key, on({}, plain).kernel_key);
  // One security parameters index in both directions is not symmetric then.
  for (const Header& header : {esp(0x11112222), ah(0x11112222)}) {
    CHECK(on(joint, eth() / ipv4(a, b) / header).kernel_key != on(joint, eth() / ipv4(b, a) / header).kernel_key);
    CHECK_EQ(on({}, eth() / ipv4(a, b) / header).kernel_key, on({}, eth() / ipv4(b, a) / header).kernel_key);
  }
}

TEST(a_kernel_may_stop_at_tags_of_hsr) {
  const KernelModel before{.reads_hsr = false};
  const Packet first = eth() / hsr() / ipv4("10.0.0.1", "10.0.0.2") / udp(1, 2),
               other = eth() / hsr() / ipv6("::1", "::2") / tcp(1, 2);
  CHECK_EQ(on(before, first).kernel_key, on(before, other).kernel_key);
  CHECK(on({}, first).kernel_key != on({}, other).kernel_key);
  CHECK(on(before, first).key == on({}, first).key);
}

TEST(kernels_read_pppoe_in_three_ways) {
  const KernelModel plain{.pppoe = PppoeReading::plain}, compressed{.pppoe = PppoeReading::compressed};
  const auto inside = [](const Header& header, unsigned port) {
    return eth() / header / ipv4("10.0.0.1", "10.0.0.2") / udp(port, 2);
  };
  for (const KernelModel& kernel : {KernelModel{}, plain, compressed})
    CHECK(on(kernel, inside(pppoe(0x21), 1)).kernel_key != on(kernel, inside(pppoe(0x21), 5)).kernel_key);
  CHECK(on(compressed, inside(pppoe_compressed(0x21), 1)).kernel_key !=
        on(compressed, inside(pppoe_compressed(0x21), 5)).kernel_key);
  for (const KernelModel& kernel : {KernelModel{}, plain})
    CHECK_EQ(on(kernel, inside(pppoe_compressed(0x21), 1)).kernel_key,
             on(kernel, inside(pppoe_compressed(0x21), 5)).kernel_key);
}

TEST(bug_b_parts_the_directions_of_its_pairs_alone) {
  for (const bool joint : {false, true}) {
    const KernelModel kernel{.ports_with_addresses = joint, .bug_b = true};
    const auto are_alike = [&](const std::string& a, const std::string& b) {
      const Dissection there = on(kernel, eth() / ipv4(a, b) / tcp(1024, 80)),
                       back = on(kernel, eth() / ipv4(b, a) / tcp(80, 1024));
      CHECK(there.key == back.key);
      return there.kernel_key == back.kernel_key;
    };
    CHECK(!are_alike("192.168.37.50", "192.168.37.178"));
    CHECK(are_alike("192.168.37.50", "192.168.37.51"));
    CHECK(are_alike("192.168.37.50", "192.168.165.50"));
    CHECK(are_alike("192.168.37.50", "192.168.37.50"));
  }
}

TEST(bug_c_ends_at_a_label) {
  const KernelModel kernel{.bug_c = true};
  const auto packet = [](unsigned port, std::uint32_t label) {
    return eth() / ipv6("::1", "::2", {.flow_label = label}) / tcp(port, 80);
  };
  CHECK(on(kernel, packet(1, 0)).kernel_key != on(kernel, packet(2, 0)).kernel_key);
  CHECK_EQ(on(kernel, packet(1, 7)).kernel_key, on(kernel, packet(2, 9)).kernel_key);
  CHECK(on(kernel, packet(1, 7)).kernel_key != on(kernel, packet(1, 0)).kernel_key);
  CHECK_EQ(on({}, packet(1, 7)).kernel_key, on({}, packet(1, 0)).kernel_key);
  // Nor does it look into a tunnel behind one.
  const auto tunnel = [](unsigned port) {
    return eth() / ipv6("::1", "::2", {.flow_label = 7}) / ipv4("10.0.0.1", "10.0.0.2") / tcp(port, 80);
  };
  CHECK_EQ(on(kernel, tunnel(1)).kernel_key, on(kernel, tunnel(2)).kernel_key);
  CHECK_EQ(on(kernel, tunnel(1)).marks & mark_stale_ipv6, 0);
}

TEST(without_bug_d_the_stale_octets_are_none_of_the_hash) {
  const std::string a = "2001:db8::1:0:0:1", b = "2001:db8::2:0:0:1";
  const KernelModel kernel{.bug_d = false};
  const Dissection there = on(kernel, eth() / ipv6(a, b) / ipv4("10.0.0.1", "10.0.0.2") / tcp(1, 2));
  CHECK_EQ(there.kernel_key, on(kernel, eth() / ipv6(b, a) / ipv4("10.0.0.2", "10.0.0.1") / tcp(2, 1)).kernel_key);
  CHECK_EQ(there.marks & mark_stale_ipv6, 0);
}

TEST(tags_are_told_apart_where_the_kernel_passes_them) {
  const Header ip = ipv4("10.0.0.1", "10.0.0.2");
  CHECK_EQ(parse(eth() / ip / tcp(1, 2)).tags, tag_digest::none);
  CHECK_EQ(parse(eth() / vlan(0) / ip / tcp(1, 2)).tags, tag_digest::none);
  CHECK_EQ(parse(eth() / ipv6("::1", "::2") / tcp(1, 2)).tags, tag_digest::none);
  const std::vector<Packet> different{eth() / vlan(1) / ip / tcp(1, 2),
                                      eth() / vlan(2) / ip / tcp(1, 2),
                                      eth() / vlan(3) / ip / tcp(1, 2),
                                      eth() / vlan(1) / vlan(2) / ip / tcp(1, 2),
                                      eth() / ipv6("::1", "::2", {.flow_label = 1}) / tcp(1, 2),
                                      eth() / ipv6("::1", "::2", {.flow_label = 0x54321}) / tcp(1, 2),
                                      eth() / ip / gre(0x2000, 0, 11) / ip / tcp(1, 2),
                                      eth() / ip / gre(0x2000, 0, 12) / ip / tcp(1, 2)};
  std::set<std::uint16_t> seen{tag_digest::none};
  for (const Packet& packet : different) CHECK(seen.insert(parse(packet).tags).second);
  // Inside VXLAN the kernel sees none.
  CHECK_EQ(parse(eth() / ip / udp(50000, 4789) / vxlan() / eth() / vlan(7) / ip / tcp(1, 2)).tags, tag_digest::none);
  CHECK_EQ(tag_digest::join(3, 3), 3);
  CHECK_EQ(tag_digest::join(3, 4), tag_digest::various);
  CHECK_EQ(tag_digest::join(tag_digest::various, 4), tag_digest::various);
  for (const std::uint16_t kept : {tag_digest::unknown, tag_digest::various}) {
    CHECK(tag_digest::of_one(kept) < tag_digest::unknown);
    CHECK_EQ(tag_digest::join(kept, kept), kept);
    CHECK(tag_digest::of_whole(kept) < tag_digest::unknown);
  }
  for (const std::uint16_t known : {tag_digest::none, std::uint16_t{3}, tag_digest::various}) {
    CHECK_EQ(tag_digest::join(known, tag_digest::unknown), known);
    CHECK_EQ(tag_digest::join(tag_digest::unknown, known), known);
  }
}

TEST(nesting_ends) {
  const auto nested = [](int headers) {
    Packet out = eth();
    for (int i = 0; i < headers; ++i) out = out / ipv4("10.0.0.1", "10.0.0.2");
    return parse(out / tcp(1, 2));
  };
  CHECK_EQ(nested(16).kind, PacketKind::flow);
  CHECK_EQ(nested(17).kind, PacketKind::malformed);
  Packet datagrams = eth();
  for (int i = 0; i < 30; ++i) datagrams = datagrams / ipv4("10.0.0.1", "10.0.0.2") / udp(2152, 2152) / gtpu();
  CHECK_EQ(parse(datagrams / ipv4("10.0.0.1", "10.0.0.2") / tcp(1, 2)).kind, PacketKind::malformed);
}

TEST(the_seventeenth_header_is_out_of_reach_for_the_kernel) {
  const auto with = [](int extensions, unsigned port) {
    Packet out = eth() / ipv6("2001:db8::1", "2001:db8::2");
    for (int i = 0; i < extensions; ++i) out = out / extension(IPPROTO_DSTOPTS);
    return parse(out / tcp(port, 80)).kernel_key;
  };
  CHECK(with(16, 1) != with(16, 2));
  CHECK_EQ(with(17, 1), with(17, 2));
}

// The flow table finds a flow by this hash, whatever wraps its packets.
TEST(the_flow_hash_depends_on_the_key_alone) {
  const std::string a = "10.0.0.1", b = "10.0.0.2", c = "2001:db8::1", d = "2001:db8::2";
  const std::vector<std::vector<Packet>> rows = {
      {eth() / ipv4(a, b) / udp(1, 2), eth() / vlan(5) / ipv4(b, a) / udp(2, 1),
       eth() / ipv4(a, b, {.more_fragments = true}) / udp(1, 2)},
      {eth() / ipv6(c, d) / udp(1, 2), eth() / ipv6(c, d) / frag6(0, false) / udp(1, 2),
       eth() / ipv6(c, d) / frag6(0, true) / extension(IPPROTO_DSTOPTS) / udp(1, 2)},
  };
  for (const auto& row : rows) {
    for (const Packet& packet : row) {
      CHECK(parse(packet).key == parse(row.front()).key);
      CHECK_EQ(parse(packet).flow_hash, parse(row.front()).flow_hash);
    }
  }
}

// One kernel key covers all fragments and pings between two hosts; as a flow hash it would let them flood one bucket.
TEST(the_flow_hash_spreads_what_the_kernel_key_does_not) {
  std::set<std::uint64_t> kernel_keys, hashes;
  for (unsigned i = 0; i < 1000; ++i) {
    for (const Packet& packet : {eth() / ipv4("10.0.0.1", "10.0.0.2") / icmp(8, i),
                                 eth() / ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true}) / udp(i, 53)}) {
      kernel_keys.insert(parse(packet).kernel_key);
      hashes.insert(parse(packet).flow_hash);
    }
  }
  CHECK_EQ(kernel_keys.size(), 2U);
  CHECK_EQ(hashes.size(), 2000U);
}

// The constants of mix() are public: words equal to them must not turn a product into zero, whatever the other words
// are.
TEST(no_address_can_switch_the_hash_off) {
  constexpr std::uint64_t constants[] = {0xa0761d6478bd642fULL, 0xe7037ed1a0b428dbULL};
  Octets frame = (eth() / ipv6("::", "::") / udp(1, 2)).bytes();
  std::byte* const addresses = frame.data() + 14 + 8;
  for (const std::size_t chosen : {std::size_t{0}, std::size_t{1}}) {
    std::set<std::uint64_t> hashes;
    for (std::uint64_t other = 0; other < 100; ++other) {
      for (const std::size_t address : {std::size_t{0}, std::size_t{2}}) {
        std::memcpy(addresses + 8 * (address + chosen), &constants[chosen], 8);
        std::memcpy(addresses + 8 * (address + 1 - chosen), &other, 8);
      }
      hashes.insert(parse(frame).flow_hash);
    }
    CHECK_EQ(hashes.size(), 100U);
  }
}

// Neighbouring ports and addresses, the usual case, must fill all buckets by any part of the hash. 64 buckets, mean 256
// per bucket: chi-square has mean 63 and standard deviation 11, and the packets are always the same.
TEST(the_flow_hash_is_even) {
  constexpr unsigned buckets = 64, hosts = 128, ports = 128;
  for (const unsigned shift : {0U, 16U, 32U, 58U}) {
    std::vector<double> counts(buckets);
    for (unsigned host = 0; host < hosts; ++host) {
      for (unsigned port = 0; port < ports; ++port) {
        const Dissection got =
            parse(eth() / ipv4("10.0.0.1", "10.0.1." + std::to_string(host)) / tcp(40000 + port, 443));
        ++counts[got.flow_hash >> shift & (buckets - 1)];
      }
    }
    const double mean = double{hosts} * ports / buckets;
    double chi_square = 0;
    for (const double count : counts) chi_square += (count - mean) * (count - mean) / mean;
    const Note note{"bits from " + std::to_string(shift) + ": chi-square " + std::to_string(chi_square)};
    CHECK(chi_square < 63 + 6 * 11);
  }
}

// Once the ports are in, more bytes change nothing; a cut before them must never invent a flow.
TEST(a_frame_may_be_cut_anywhere) {
  for (const Sample& sample : samples()) {
    const Dissection whole = parse(sample.frame);
    bool found = false;
    for (std::size_t size = 0; size <= sample.frame.size(); ++size) {
      const Note note{sample.name + " cut at " + std::to_string(size)};
      const std::vector<std::byte> cut(sample.frame.begin(), sample.frame.begin() + static_cast<std::ptrdiff_t>(size));
      const Dissection got = parse(cut);
      if (found) CHECK(same(got, whole));
      found = found || got.kind == PacketKind::flow;
      if (found) CHECK(whole.kind == PacketKind::flow && got.key == whole.key);
      expect_rules(cut);
    }
  }
}

// Random endpoints in every shape that a flow can have: broken_rule() compares each packet with its answer.
TEST(both_directions_are_one_flow) {
  std::mt19937 random{20};
  std::vector<Sample> flows = samples();
  std::erase_if(flows, [](const Sample& sample) {
    return sample.kind != PacketKind::flow || !is_plain(parse(sample.frame).stack) ||
           has_late_extension(parse(sample.frame).key);
  });
  for (int i = 0; i < 20000; ++i) {
    const Sample& sample = flows[random() % flows.size()];
    const Note note{sample.name};
    Octets frame = sample.frame;
    const auto found = anatomy_of(frame);
    if (!CHECK(found.has_value())) return;
    // Few values, so that equal addresses, equal ports and neighbours that differ in one bit are common.
    for (std::size_t at = 0; at < 2 * found->address_bytes; ++at) {
      if (random() % 4 == 0) frame[found->addresses + at] = static_cast<std::byte>(random() % 2 << 7);
    }
    if (found->protocol != IPPROTO_ICMP && found->protocol != IPPROTO_ICMPV6 && found->transport + 4 <= frame.size()) {
      for (std::size_t at = 0; at < 4; ++at) frame[found->transport + at] = static_cast<std::byte>(random() % 2);
    }
    CHECK_EQ(parse(frame).kind, PacketKind::flow);
    expect_rules(frame);
  }
}

TEST(a_million_mutations_break_no_rule) {
  std::mt19937 random{1};
  const std::vector<Sample> all = samples();
  for (int i = 0; i < 1'000'000; ++i) {
    Octets frame = all[random() % all.size()].frame;
    if (frame.empty()) continue;
    for (unsigned changes = random() % 4; changes-- > 0;)
      frame[random() % frame.size()] = static_cast<std::byte>(random());
    if (random() % 8 == 0) frame.resize(random() % (frame.size() + 1));
    // The full set of rules parses five times; one in eight is enough for it, and all must at least not read outside.
    if (i % 8 == 0)
      expect_rules(frame, {.present = random() % 2 == 0});
    else if (parse(frame).kind > PacketKind::malformed)
      CHECK(false);
  }
}

}  // namespace
}  // namespace fanout::test
