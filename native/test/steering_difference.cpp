// The BPF programs beside the dissector of this project: steering_difference SECONDS SEED CORPUS. All see the same
// frames: the samples, the fuzzer's corpus, mutants of both, random stacks of headers, random octets.
//
// Where the dissector finds a flow, the programs must send the frame where a plain packet of that flow goes. A later
// fragment must go where its first one went, or by its addresses if that one was forgotten. A frame without a flow must
// go where its answer goes.
//
// The kernel runs the steering programs alone over each frame (BPF_PROG_TEST_RUN), which shows all 32 bits of what they
// answer. Every few frames are also sent: to a group in mode hash, whose member tells eight bits of what the flow
// dissector made of it, and to groups that the steering programs steer, received and outgoing.
//
// Needs root, and a network namespace of its own. Prints what was compared; ends with 1 if an answer was another one.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <unordered_map>

#include "test/fanout_rig.hpp"
#include "test/header_stacks.hpp"
#include "test/program_run.hpp"
#include "test/samples.hpp"

namespace fanout::test {
namespace {

constexpr HashSeed seed{1};

std::string hexadecimal(const Octets& frame) {
  std::string out;
  for (const std::byte octet : frame) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(octet));
    out += two;
  }
  return out;
}

std::string bytes_of(const FlowKey& key) { return {reinterpret_cast<const char*>(&key), sizeof key}; }

void put_address(Octets& out, const Address& address, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(address[i]));
}

// The packet of a flow with nothing special in it.
Octets plain_packet(const FlowKey& key) {
  Octets transport;
  const bool is_echo = key.family == 4 ? key.protocol == IPPROTO_ICMP : key.protocol == IPPROTO_ICMPV6;
  const bool is_extension = key.family == 6 && (key.protocol == 135 || key.protocol == 139 || key.protocol == 140);
  if (is_extension) {
    put_octets(transport, extension(key.protocol).bytes);
  } else if (is_echo) {
    put_octets(transport, icmp(key.family == 4 ? 8 : 128, key.a_port).bytes);
  } else {
    put16(transport, key.a_port);
    put16(transport, key.b_port);
    put32(transport, 8);  // of UDP the length
  }
  const bool has_ports = key.a_port != 0 || key.b_port != 0;
  const bool is_ported = has_ports || key.protocol == IPPROTO_TCP || key.protocol == IPPROTO_UDP;
  if (!is_ported && !is_extension && !is_echo) transport.clear();
  Octets out = eth(key.family == 4 ? ETH_P_IP : ETH_P_IPV6).bytes;
  const auto bytes = static_cast<unsigned>(transport.size());
  if (key.family == 4) {
    Octets header = ipv4("0.0.0.0", "0.0.0.0", {.protocol = key.protocol, .total_bytes = 20 + bytes}).bytes;
    header.resize(12);
    put_octets(out, header);
    put_address(out, key.a, 4);
    put_address(out, key.b, 4);
  } else {
    Octets header = ipv6("::", "::", {.next_header = key.protocol, .payload_bytes = bytes}).bytes;
    header.resize(8);
    put_octets(out, header);
    put_address(out, key.a, 16);
    put_address(out, key.b, 16);
  }
  put_octets(out, transport);
  return out;
}

unsigned octets16_at(const Octets& frame, std::size_t at) {
  return std::to_integer<unsigned>(frame[at]) << 8 | std::to_integer<unsigned>(frame[at + 1]);
}

// How many labels there are up to the bottom of a stack that begins here.
std::size_t labels_at(const Octets& frame, std::size_t at) {
  std::size_t labels = 0;
  for (; at + 4 <= frame.size(); at += 4) {
    ++labels;
    if ((std::to_integer<unsigned>(frame[at + 2]) & 1U) != 0) break;
  }
  return labels;
}

bool has_many_labels_in_udp(const Octets& frame) {
  for (std::size_t at = 14; at + 8 <= frame.size(); ++at) {
    const bool is_port = octets16_at(frame, at) == 6635 || octets16_at(frame, at + 2) == 6635;
    if (is_port && labels_at(frame, at + 8) > 4) return true;
  }
  return false;
}

// In enhanced GRE, without the octets of address and control.
bool has_other_ppp(const Octets& frame) {
  for (std::size_t at = 14; at + 4 <= frame.size(); ++at) {
    const unsigned flags = octets16_at(frame, at);
    if (octets16_at(frame, at + 2) != 0x880b || (flags & 7) != 1) continue;
    const std::size_t ppp = at + 8 + ((flags & 0x1000) != 0 ? 4 : 0) + ((flags & 0x80) != 0 ? 4 : 0);
    if (ppp + 2 > frame.size() || octets16_at(frame, ppp) != 0xff03) return true;
  }
  return false;
}

// docs/cure.md, Limits: where the programs end and the dissector goes on.
const char* limit_of(const Octets& frame, const Dissection& found, const std::string& stack) {
  if (stack.ends_with("ipv6/other") && found.transport_at + 2U > frame.size())
    return "limit: cut in an extension header";
  if (stack.find("udp/mpls") != std::string::npos && has_many_labels_in_udp(frame))
    return "limit: more than four labels in UDP";
  if (stack.find("gre/ppp") != std::string::npos && has_other_ppp(frame))
    return "limit: PPTP without address and control";
  constexpr std::size_t many = 12;
  for (std::size_t at = 14; stack.find("mpls") != std::string::npos && at + 4 <= frame.size(); ++at)
    if (labels_at(frame, at) > many) return "limit: more headers than a walk has";
  return nullptr;
}

// What is not compared: a piece whose content is a piece, as of the two datagrams the dissector names one, and the
// programs remember both; and more layers than a stack names, as such a piece may be among them.
bool is_compared(const Dissection& found) {
  const std::string stack = found.stack.text();
  const std::size_t piece = stack.find("/frag");
  const bool is_in_pieces_twice = piece != std::string::npos && stack.find("/frag", piece + 1) != std::string::npos;
  return !is_in_pieces_twice && !stack.ends_with("...");
}

// Where later pieces go. The programs remember at least the last so many datagrams.
struct FirstPiece {
  std::optional<FlowKey> key;  // nothing: this piece was of no flow
  std::uint64_t number = 0;
};
constexpr std::uint64_t surely_remembered = 2000;

struct Tally {
  std::uint64_t frames = 0, refused = 0, flows = 0, embedded = 0, later_pieces = 0, remembered = 0, without_flow = 0,
                not_compared = 0;
  std::uint64_t sent = 0, received = 0, outgoing = 0;
};

// Where packets of one flow go. Of the groups, the member.
struct Places {
  std::uint32_t addresses = 0, ports = 0;  // all bits
  int by_hash = nowhere, by_addresses = nowhere, by_ports = nowhere;
};

class Comparison {
 public:
  void compare(const char* source, const Octets& frame) {
    if (frame.size() < run_bytes_min || frame.size() > run_bytes_max) return;
    source_ = source;
    frame_ = &frame;
    const Dissection found = dissect(frame, {}, seed);
    if (!is_compared(found)) {
      ++tally_.not_compared;
      return;
    }
    ++tally_.frames;
    const auto addresses = run_program(addresses_.get(), frame), ports = run_program(ports_.get(), frame);
    if (!addresses || !ports) {
      ++tally_.refused;
      return;
    }
    Places places{.addresses = addresses->answer, .ports = ports->answer};
    // The flow dissector must have seen every first piece.
    if (tally_.frames % 4 == 0 || found.fragment.datagram != 0) send(places);
    const bool is_first = found.fragment.datagram != 0 && found.fragment.begin == 0;
    if (is_first && found.kind != PacketKind::flow) firsts_[found.fragment.datagram] = {std::nullopt, ++datagrams_};
    if (found.kind == PacketKind::flow) compare_flow(found, places);
    if (found.kind == PacketKind::fragment_later) compare_later(found, places);
    if (found.kind == PacketKind::other_ethertype) compare_without_flow(found, places);
  }

  [[nodiscard]] const Tally& tally() const { return tally_; }

  // A line for each kind, with the first frame that showed it. How many there were that no limit explains.
  [[nodiscard]] std::uint64_t print_differences() const {
    print(limits_);
    return print(differences_);
  }

 private:
  struct Difference {
    std::uint64_t times = 0;
    std::string example;
  };

  static std::uint64_t print(const std::map<std::string, Difference>& differences) {
    std::uint64_t all = 0;
    for (const auto& [what, difference] : differences) {
      std::printf("%s: %llu, such as %s\n", what.c_str(), static_cast<unsigned long long>(difference.times),
                  difference.example.c_str());
      all += difference.times;
    }
    return all;
  }

  // To the three groups at once.
  bool deliver(const Octets& frame, Places& places) {
    if (!tap_.send(frame)) return false;
    places.by_hash = hash_group_.take();
    places.by_addresses = addresses_group_.take();
    places.by_ports = ports_group_.take();
    return places.by_hash != nowhere;
  }

  void send(Places& places) {
    ++tally_.sent;
    if (deliver(*frame_, places)) ++tally_.received;
  }

  Places of_plain(const FlowKey& key) {
    const auto [place, is_new] = plain_.try_emplace(bytes_of(key));
    if (!is_new) return place->second;
    const Octets packet = plain_packet(key);
    const auto addresses = run_program(addresses_.get(), packet), ports = run_program(ports_.get(), packet);
    if (!addresses || !ports) rig_failed("a plain packet");
    place->second = {.addresses = addresses->answer, .ports = ports->answer};
    if (!deliver(packet, place->second)) rig_failed("a plain packet was not received");
    return place->second;
  }

  void differs(const std::string& what, const Dissection& found) {
    const std::string stack = found.stack.text();
    const char* const limit = limit_of(*frame_, found, stack);
    auto& differences = limit == nullptr ? differences_ : limits_;
    Difference& difference = differences[limit == nullptr ? what + ": " + source_ + " " + stack : limit];
    if (difference.times++ == 0) difference.example = hexadecimal(*frame_);
  }

  void compare_flow(const Dissection& found, const Places& places) {
    ++tally_.flows;
    const Places plain = of_plain(found.key);
    if (found.fragment.datagram != 0) {
      const bool is_as_plain = places.addresses == plain.addresses && places.ports == plain.ports;
      firsts_[found.fragment.datagram] = {is_as_plain ? std::optional{found.key} : std::nullopt, ++datagrams_};
    }
    if (places.addresses != plain.addresses) differs("addresses", found);
    if (places.ports != plain.ports) differs("ports", found);
    if (places.by_hash != nowhere) {
      if (places.by_hash != plain.by_hash) differs("dissector", found);
      if (places.by_addresses != plain.by_addresses) differs("addresses, received", found);
      if (places.by_ports != plain.by_ports) differs("ports, received", found);
      compare_outgoing(found, plain);
    }
    if (tally_.flows % 4 == 0) compare_embedded(found, plain);
  }

  void compare_outgoing(const Dissection& found, const Places& plain) {
    if (!veth_.send(*frame_)) return;
    const int by_hash = hash_outgoing_.take(), by_addresses = addresses_outgoing_.take(),
              by_ports = ports_outgoing_.take();
    if (by_hash == nowhere) return;
    ++tally_.outgoing;
    if (by_hash != plain.by_hash) differs("dissector, outgoing", found);
    if (by_addresses != plain.by_addresses) differs("addresses, outgoing", found);
    if (by_ports != plain.by_ports) differs("ports, outgoing", found);
  }

  // In transparent Ethernet bridging the walk begins with a link header, as in a packet that this host sends.
  void compare_embedded(const Dissection& found, const Places& plain) {
    if (frame_->size() + 14 > run_bytes_max) return;
    ++tally_.embedded;
    Octets outer = eth(ETH_P_TEB).bytes;
    put_octets(outer, *frame_);
    const auto addresses = run_program(addresses_.get(), outer), ports = run_program(ports_.get(), outer);
    if (addresses && addresses->answer != plain.addresses) differs("addresses, from the link header on", found);
    if (ports && ports->answer != plain.ports) differs("ports, from the link header on", found);
  }

  // By the first piece, or as of a flow of no ports where that is not remembered.
  void compare_later(const Dissection& found, const Places& places) {
    // What an ICMP error quotes.
    if (found.fragment.datagram == 0) return;
    ++tally_.later_pieces;
    const auto first = firsts_.find(found.fragment.datagram);
    if (first != firsts_.end()) {
      if (!first->second.key) return;
      const Places plain = of_plain(*first->second.key);
      const bool is_with_first = places.addresses == plain.addresses && places.ports == plain.ports;
      if (is_with_first && (places.by_hash == nowhere || places.by_hash == plain.by_hash)) {
        ++tally_.remembered;
        return;
      }
      if (datagrams_ - first->second.number < surely_remembered)
        return differs("a later piece, not with its first one", found);
    }
    FlowKey pair = found.key;
    pair.a_port = pair.b_port = 0;
    pair.protocol = IPPROTO_NONE;
    const Places plain = of_plain(pair);
    if (places.addresses != plain.addresses) differs("addresses, a later piece", found);
    if (places.by_hash != nowhere && places.by_hash != plain.by_hash) differs("dissector, a later piece", found);
  }

  // Between two stations; a group of them is on one side only.
  void compare_without_flow(const Dissection& found, const Places& places) {
    ++tally_.without_flow;
    Octets back = *frame_;
    if (std::to_integer<int>((back[0] | back[6]) & std::byte{1}) != 0) return;
    std::swap_ranges(back.begin(), back.begin() + 6, back.begin() + 6);
    const auto addresses = run_program(addresses_.get(), back), ports = run_program(ports_.get(), back);
    if (!addresses || addresses->answer != places.addresses) differs("addresses, the answer", found);
    if (!ports || ports->answer != places.ports) differs("ports, the answer", found);
  }

  static constexpr std::size_t members = 256;  // the most of a group
  static JoinRequest hash(std::uint16_t id) { return {.group_id = id, .mode = FanoutMode::hash}; }
  static JoinRequest ebpf(std::uint16_t id) { return {.group_id = id, .mode = FanoutMode::ebpf}; }

  const UniqueFd addresses_ = load_or_exit(SteeringProgram::steer, by_addresses);
  const UniqueFd ports_ = load_or_exit(SteeringProgram::steer, by_ports);
  const UniqueFd link_ = attach_dissector_or_exit();
  TapWriter tap_{"tap0"};
  VethPair veth_{"out0", "out1"};
  Group hash_group_{"tap0", members, hash(1)}, hash_outgoing_{"out0", members, hash(2)};
  Group addresses_group_{"tap0", members, ebpf(3), addresses_.get()};
  Group addresses_outgoing_{"out0", members, ebpf(4), addresses_.get()};
  Group ports_group_{"tap0", members, ebpf(5), ports_.get()}, ports_outgoing_{"out0", members, ebpf(6), ports_.get()};

  const char* source_ = "";
  const Octets* frame_ = nullptr;
  Tally tally_;
  std::unordered_map<std::string, Places> plain_;
  std::unordered_map<std::uint64_t, FirstPiece> firsts_;
  std::uint64_t datagrams_ = 0;
  std::map<std::string, Difference> differences_, limits_;
};

std::vector<Octets> seeds_of(const char* corpus) {
  std::vector<Octets> out;
  for (const Sample& sample : samples()) out.push_back(sample.frame);
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    std::ifstream in{entry.path(), std::ios::binary};
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    Octets frame;
    // The first octet is the fuzzer's own.
    for (std::size_t i = 1; i < content.size(); ++i) frame.push_back(static_cast<std::byte>(content[i]));
    out.push_back(frame);
  }
  return out;
}

void print(const char* what, std::uint64_t count) {
  std::printf("%s: %llu\n", what, static_cast<unsigned long long>(count));
}

int compare_all(double seconds, std::uint64_t number, const char* corpus) {
  silence_new_interfaces();
  Comparison comparison;
  Random random{number};
  const std::vector<Octets> seeds = seeds_of(corpus);
  const std::vector<Octets> all = wrapped_packets();
  for (const Octets& frame : seeds) comparison.compare("seed", frame);
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < until) {
    for (int i = 0; i < 100; ++i) {
      Octets stack = any_stack(random);
      if (random.one_in(8)) stack.resize(14 + random.below(static_cast<std::uint32_t>(stack.size()) - 13));
      comparison.compare("stack", stack);
      comparison.compare("wrapped", any_of(random, all));
      comparison.compare("mutant", mutated(any_of(random, all), random));
      comparison.compare("mutant", mutated(any_of(random, seeds), random));
      if (i % 8 == 0) comparison.compare("octets", any_octets(random));
    }
  }
  const Tally& tally = comparison.tally();
  const std::uint64_t differences = comparison.print_differences();
  print("frames", tally.frames);
  print("refused by the kernel's test run", tally.refused);
  print("flows", tally.flows);
  print("from the link header on", tally.embedded);
  print("sent", tally.sent);
  print("received", tally.received);
  print("outgoing", tally.outgoing);
  print("later pieces", tally.later_pieces);
  print("remembered", tally.remembered);
  print("without a flow", tally.without_flow);
  print("not compared", tally.not_compared);
  print("different", differences);
  return differences == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fanout::test

int main(int argc, char** argv) {
  if (argc == 4)
    return fanout::test::compare_all(std::strtod(argv[1], nullptr), std::strtoull(argv[2], nullptr, 10), argv[3]);
  std::fputs("steering_difference SECONDS SEED CORPUS\n", stderr);
  return 2;
}
