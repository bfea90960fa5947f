// Figures of the BPF programs as JSON: steering_figures balance REPETITIONS | flood plain|tunnels FORGED... | memory |
// cost PACKETS REPETITIONS.
// Needs root and a network namespace of its own, in which it makes interfaces.
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "host/bpf.hpp"
#include "test/datagrams_in_pieces.hpp"
#include "test/fanout_rig.hpp"
#include "test/header_stacks.hpp"
#include "test/program_run.hpp"

namespace fanout::test {
namespace {

constexpr std::size_t members = 8;

JoinRequest request(std::uint16_t id, FanoutMode mode, std::uint16_t flags = 0) {
  return {.group_id = id, .mode = mode, .flags = flags};
}

// ---- how evenly flows are spread

// `flows` of so many pairs of hosts; the busiest pair has this share of them.
struct Mix {
  const char* name;
  std::size_t flows, pairs;
  double busiest_share;
};
constexpr std::array mixes{Mix{"500 pairs", 500, 500, 0}, Mix{"50 pairs", 500, 50, 0}, Mix{"10 pairs", 500, 10, 0},
                           Mix{"50 pairs, one of them with half of all flows", 500, 50, 0.5}};

Octets packet_of(std::size_t flow, std::size_t pair, Random& salt) {
  const std::string a =
      "10." + std::to_string(salt.below(256)) + "." + std::to_string(pair / 250) + "." + std::to_string(pair % 250 + 1);
  const std::string b = "192.0.2." + std::to_string(salt.below(254) + 1);
  return (eth() / ipv4(a, b) / tcp(1024 + static_cast<unsigned>(flow) * 61 % 64000, 443) / payload(20)).bytes();
}

std::vector<Octets> packets_of(const Mix& mix, std::uint64_t seed) {
  std::vector<Octets> out;
  for (std::size_t flow = 0; flow < mix.flows; ++flow) {
    const bool is_of_busiest = static_cast<double>(flow) < mix.busiest_share * static_cast<double>(mix.flows);
    const std::size_t pair = is_of_busiest ? 0 : flow % mix.pairs;
    Random salt{seed * 1000 + pair};
    out.push_back(packet_of(flow, pair, salt));
  }
  return out;
}

double max_over_mean(const std::vector<int>& places) {
  std::array<std::size_t, members> flows{};
  for (const int place : places)
    if (place >= 0) ++flows[static_cast<std::size_t>(place)];
  return static_cast<double>(*std::max_element(flows.begin(), flows.end())) * members /
         static_cast<double>(places.size());
}

std::vector<int> places_in(TapWriter& tap, Group& group, const std::vector<Octets>& packets) {
  std::vector<int> out;
  for (const Octets& packet : packets) {
    if (!tap.send(packet)) rig_failed("send");
    out.push_back(group.take());
  }
  return out;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Each time with other hosts, and the steering programs with other secrets.
void print_balance(std::uint64_t repetitions) {
  TapWriter tap{"tap0"};
  std::map<std::string, std::map<std::string, std::vector<double>>> all;
  for (std::uint64_t seed = 1; seed <= repetitions; ++seed) {
    const UniqueFd addresses = load_or_exit(SteeringProgram::steer, by_addresses);
    const UniqueFd ports = load_or_exit(SteeringProgram::steer, by_ports);
    Group by_hash{"tap0", members, request(1, FanoutMode::hash)};
    Group steered_by_addresses{"tap0", members, request(2, FanoutMode::ebpf), addresses.get()};
    Group steered_by_ports{"tap0", members, request(3, FanoutMode::ebpf), ports.get()};
    for (const Mix& mix : mixes) {
      const auto packets = packets_of(mix, seed);
      auto& row = all[mix.name];
      row["hash"].push_back(max_over_mean(places_in(tap, by_hash, packets)));
      (void)steered_by_addresses.take(), (void)steered_by_ports.take();
      row["addresses"].push_back(max_over_mean(places_in(tap, steered_by_addresses, packets)));
      (void)steered_by_ports.take();
      row["ports"].push_back(max_over_mean(places_in(tap, steered_by_ports, packets)));
      (void)by_hash.take(), (void)steered_by_addresses.take();
      const UniqueFd link = attach_dissector_or_exit();
      row["hash + dissector"].push_back(max_over_mean(places_in(tap, by_hash, packets)));
      (void)steered_by_addresses.take(), (void)steered_by_ports.take();
    }
  }
  std::printf("{");
  const char* separator = "";
  for (const Mix& mix : mixes) {
    std::printf("%s\n  \"%s\": {", separator, mix.name);
    separator = "";
    for (const auto& [lever, values] : all[mix.name]) {
      std::printf("%s\"%s\": %.2f", separator, lever.c_str(), median(values));
      separator = ", ";
    }
    std::printf("}");
    separator = ",";
  }
  std::printf("\n}\n");
}

// ---- forged first pieces

constexpr std::size_t datagrams = 400;

// First pieces of datagrams between hosts of which nobody else is one, with ports, or with a tunnel's inner packet in
// them: only those are noted where every piece tells its addresses.
Octets forged_first() {
  return (eth() / ipv4("172.16.0.0", "172.31.0.0", {.protocol = 17, .id = 7, .more_fragments = true}) /
          Header{.bytes = udp(1000, 53).bytes} / payload(8))
      .bytes();
}
Octets forged_first_of_tunnel() {
  const Octets inner = (eth() / ipv4("10.9.9.9", "10.8.0.1") / tcp(1, 2)).bytes();
  return (eth() / ipv4("172.16.0.0", "172.31.0.0", {.id = 7, .more_fragments = true}) / udp(1, 4789) / vxlan() /
          Header{.bytes = inner})
      .bytes();
}

// Another datagram: other hosts.
void renumber(Octets& frame, std::size_t number) {
  constexpr std::size_t source = 26, destination = 30;
  set16(frame, source + 2, number & 0xffff);
  set16(frame, destination + 2, number >> 16);
}

struct Flood {
  const char* name;
  Octets (*forged)();
};

// Of so many datagrams whose later pieces come behind the flood: how many have all pieces on the member of their flow.
std::size_t kept_behind(TapWriter& tap, Group& group, Datagram (*make)(unsigned, unsigned), const Flood& flood,
                        std::size_t forged, unsigned& identification) {
  const auto where = [&](const Octets& frame) {
    if (!tap.send(frame)) rig_failed("send");
    return group.take();
  };
  std::vector<Datagram> all;
  std::vector<int> homes;
  for (unsigned flow = 0; flow < datagrams; ++flow) {
    all.push_back(make(flow, ++identification & 0xffff));
    homes.push_back(where(all.back().whole[0]));
    (void)where(all.back().pieces[0].frame);
  }
  Octets first = flood.forged();
  for (std::size_t i = 0; i < forged; ++i) {
    renumber(first, i);
    if (!tap.send(first)) rig_failed("send");
    if (i % 32 == 0) (void)group.take();
  }
  (void)group.take();
  std::size_t kept = 0;
  for (std::size_t flow = 0; flow < datagrams; ++flow) {
    bool is_kept = true;
    for (std::size_t i = 1; i < all[flow].pieces.size(); ++i)
      is_kept = where(all[flow].pieces[i].frame) == homes[flow] && is_kept;
    kept += is_kept ? 1 : 0;
  }
  return kept;
}

void print_flood(const std::string& kind, const std::vector<std::size_t>& sizes) {
  constexpr std::array floods{Flood{"plain", forged_first}, Flood{"tunnels", forged_first_of_tunnel}};
  TapWriter tap{"tap0"};
  unsigned identification = 0;
  const char* separator = "";
  std::printf("[");
  for (const Flood& flood : floods) {
    if (flood.name != kind) continue;
    for (const std::size_t forged : sizes) {
      std::printf("%s\n  {\"forged\": %zu, \"kind\": \"%s\", \"datagrams\": %zu", separator, forged, flood.name,
                  datagrams);
      separator = ",";
      const auto measure = [&](const char* lever, Group& group) {
        std::printf(", \"%s\": {\"IPv4\": %zu, ", lever,
                    kept_behind(tap, group, plain4, flood, forged, identification));
        std::printf("\"VXLAN\": %zu}", kept_behind(tap, group, vxlan_outer, flood, forged, identification));
        std::fflush(stdout);
      };
      for (const auto& [lever, policy] : {std::pair{"addresses", by_addresses}, std::pair{"ports", by_ports}}) {
        const UniqueFd program = load_or_exit(SteeringProgram::steer, policy);
        Group group{"tap0", members, request(2, FanoutMode::ebpf), program.get()};
        measure(lever, group);
      }
      const UniqueFd link = attach_dissector_or_exit();
      Group group{"tap0", members, request(3, FanoutMode::hash)};
      measure("hash + dissector", group);
      std::printf("}");
    }
  }
  std::printf("\n]\n");
}

// ---- memory of the maps

std::uint64_t memory_of(int program) {
  std::array<std::uint32_t, 8> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = ids.size();
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  bpf_attr attr = zeroed_bpf_attr();
  attr.info.bpf_fd = static_cast<std::uint32_t>(program);
  attr.info.info_len = sizeof info;
  attr.info.info = reinterpret_cast<std::uintptr_t>(&info);
  if (!bpf_done(BPF_OBJ_GET_INFO_BY_FD, attr, "info")) rig_failed("BPF_OBJ_GET_INFO_BY_FD");
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < info.nr_map_ids; ++i) {
    bpf_attr by_id = zeroed_bpf_attr();
    by_id.map_id = ids[i];
    const auto map = bpf_opened(BPF_MAP_GET_FD_BY_ID, by_id, "map");
    if (!map) rig_failed("BPF_MAP_GET_FD_BY_ID");
    const std::string path = "/proc/self/fdinfo/" + std::to_string(map->get());
    std::FILE* const file = std::fopen(path.c_str(), "r");
    std::array<char, 256> line{};
    unsigned long long value = 0;
    while (std::fgets(line.data(), line.size(), file) != nullptr)
      if (std::sscanf(line.data(), "memlock: %llu", &value) == 1) bytes += value;
    std::fclose(file);
  }
  return bytes;
}

void print_memory() {
  const UniqueFd steer = load_or_exit(SteeringProgram::steer, by_ports);
  const UniqueFd dissect = load_or_exit(SteeringProgram::dissect, 0);
  std::printf("{\"steering\": %llu, \"dissector\": %llu}\n", static_cast<unsigned long long>(memory_of(steer.get())),
              static_cast<unsigned long long>(memory_of(dissect.get())));
}

// ---- cost

struct Traffic {
  const char* name;
  std::vector<Octets> frames;
};

std::vector<Traffic> traffics() {
  constexpr unsigned flows = 500;
  std::vector<Traffic> out{{"plain", {}}, {"VXLAN", {}}, {"fragments", {}}};
  for (unsigned flow = 0; flow < flows; ++flow) {
    const Ends ends = ends4(flow);
    out[0].frames.push_back((eth() / ipv4(ends.a, ends.b) / tcp(ends.a_port, ends.b_port) / payload(40)).bytes());
    out[1].frames.push_back(in_vxlan(there4(ends, 40).bytes(), flow));
    for (Piece& piece : plain4(flow, flow + 1).pieces) out[2].frames.push_back(std::move(piece.frame));
  }
  return out;
}

struct Steering {
  const char* name;
  FanoutMode mode;
  std::uint16_t flags = 0;
  int program = -1;
  bool has_dissector = false;
};

// Members that drop what they get: then the sender's time is that of the way to a member, and no more.
void drop_all(const Group& group) {
  const sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, const_cast<sock_filter*>(&nothing)};
  for (std::size_t i = 0; i < group.size(); ++i)
    if (::setsockopt(group.member(i).get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
      rig_failed("SO_ATTACH_FILTER");
}

// Processor time of this thread, which other programs of the machine do not lengthen, and the time of the kernel's
// part of receiving is in it: that is done before the call returns.
double thread_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double ns_a_packet(VethPair& veth, const Traffic& traffic, std::size_t packets) {
  const auto send = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (!veth.send(traffic.frames[i % traffic.frames.size()])) rig_failed("send");
  };
  send(traffic.frames.size());
  const double begin = thread_ns();
  send(packets);
  return (thread_ns() - begin) / static_cast<double>(packets);
}

void print_runs(const UniqueFd& addresses, const UniqueFd& ports) {
  struct Run {
    const char* name;
    Octets frame;
  };
  const Ends ends = ends4(1), ends_6 = ends6(1);
  const auto pieces = plain4(1, 9).pieces;
  const std::array runs{
      Run{"IPv4 TCP", (eth() / ipv4(ends.a, ends.b) / tcp(1024, 443) / payload(40)).bytes()},
      Run{"IPv6 TCP", (eth() / ipv6(ends_6.a, ends_6.b) / tcp(1024, 443) / payload(40)).bytes()},
      Run{"VXLAN", in_vxlan(there4(ends, 40).bytes(), 1)},
      Run{"first piece", pieces[0].frame},
      Run{"later piece", pieces[1].frame},
  };
  std::printf(", \"runs\": [");
  const char* separator = "";
  for (const Run& run : runs) {
    constexpr std::uint32_t repeat = 200'000;
    const auto by_address = run_program(addresses.get(), run.frame, repeat);
    const auto by_port = run_program(ports.get(), run.frame, repeat);
    if (!by_address || !by_port) rig_failed("BPF_PROG_TEST_RUN");
    std::printf("%s\n  {\"packet\": \"%s\", \"addresses\": %u, \"ports\": %u}", separator, run.name,
                by_address->nanoseconds, by_port->nanoseconds);
    separator = ",";
  }
  std::printf("]");
}

void print_cost(std::size_t packets, std::size_t repetitions) {
  // Sender and receiver are one: everything up to the member happens within the call that sends.
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0) rig_failed("sched_setaffinity");
  VethPair veth{"out0", "out1", true};
  const UniqueFd addresses = load_or_exit(SteeringProgram::steer, by_addresses);
  const UniqueFd ports = load_or_exit(SteeringProgram::steer, by_ports);
  const std::array steerings{
      Steering{.name = "cpu", .mode = FanoutMode::cpu},
      Steering{.name = "hash", .mode = FanoutMode::hash},
      Steering{.name = "hash + defrag", .mode = FanoutMode::hash, .flags = PACKET_FANOUT_FLAG_DEFRAG},
      Steering{.name = "addresses", .mode = FanoutMode::ebpf, .program = addresses.get()},
      Steering{.name = "ports", .mode = FanoutMode::ebpf, .program = ports.get()},
      Steering{.name = "hash + dissector", .mode = FanoutMode::hash, .has_dissector = true},
  };
  const std::vector<Traffic> all = traffics();
  std::map<std::pair<std::size_t, std::size_t>, std::vector<double>> samples;
  for (std::size_t repetition = 0; repetition < repetitions; ++repetition)
    for (std::size_t turn = 0; turn < steerings.size(); ++turn) {
      const std::size_t which = (turn + repetition) % steerings.size();
      const Steering& steering = steerings[which];
      const UniqueFd link = steering.has_dissector ? attach_dissector_or_exit() : UniqueFd{};
      const Group group{"out1", members, request(5, steering.mode, steering.flags), steering.program};
      drop_all(group);
      for (std::size_t traffic = 0; traffic < all.size(); ++traffic)
        samples[{traffic, which}].push_back(ns_a_packet(veth, all[traffic], packets));
    }
  std::printf("{\"modes\": [");
  const char* separator = "";
  for (const auto& [place, values] : samples) {
    std::printf("%s\n  {\"traffic\": \"%s\", \"mode\": \"%s\", \"ns\": [", separator, all[place.first].name,
                steerings[place.second].name);
    for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.1f", i == 0 ? "" : ", ", values[i]);
    std::printf("]}");
    separator = ",";
  }
  std::printf("]");
  print_runs(addresses, ports);
  std::printf("}\n");
}

int print(const std::vector<std::string>& words) {
  const auto number = [&](std::size_t at) { return std::strtoull(words[at].c_str(), nullptr, 10); };
  const std::string what = words.empty() ? "" : words[0];
  silence_new_interfaces();
  if (what == "balance" && words.size() == 2) {
    print_balance(number(1));
  } else if (what == "flood" && words.size() > 2) {
    std::vector<std::size_t> sizes;
    for (std::size_t i = 2; i < words.size(); ++i) sizes.push_back(number(i));
    print_flood(words[1], sizes);
  } else if (what == "memory" && words.size() == 1) {
    print_memory();
  } else if (what == "cost" && words.size() == 3) {
    print_cost(number(1), number(2));
  } else {
    std::fputs(
        "steering_figures balance REPETITIONS | flood plain|tunnels FORGED... | memory | cost PACKETS REPETITIONS\n",
        stderr);
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace fanout::test

int main(int argc, char** argv) { return fanout::test::print({argv + 1, argv + argc}); }
