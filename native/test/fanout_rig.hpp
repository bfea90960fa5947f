// Real packets, one by one: ways to send them in this network namespace, groups that receive them, and the member that
// each packet came to. To be used in a namespace made for the purpose only: nothing else may send there.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/unique_fd.hpp"
#include "core/socket/fanout.hpp"
#include "host/flow_dissector.hpp"
#include "host/steering.hpp"

namespace fanout::test {

// Without a rig there is no test: what failed is said, and the program ends.
[[noreturn]] inline void rig_failed(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(2);
}

inline void run_or_exit(const std::string& command) {
  if (std::system(command.c_str()) != 0) rig_failed(command);
}

// Quiet from the beginning: no address, no ARP, nothing that the kernel sends by itself.
inline void silence_new_interfaces() { run_or_exit("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"); }

inline void set_up(const std::string& interface) {
  run_or_exit("ip link set dev " + interface + " mtu 9000 arp off && ip link set dev " + interface + " up");
}

inline constexpr std::uint32_t by_addresses = 0, by_ports = 1, no_fallback = 2;  // native/steering/options.h
inline constexpr std::uint64_t all_layers = ~0ULL;

inline UniqueFd load_or_exit(SteeringProgram which, std::uint32_t policy) {
  const auto loaded = load_steering(which, {"fc_test", policy, all_layers, std::nullopt});
  if (const int* const program = std::get_if<int>(&loaded)) return UniqueFd{*program};
  const auto& refusal = std::get<SteeringRefusal>(loaded);
  errno = refusal.error.code;
  rig_failed(std::string{refusal.error.call} + " " + refusal.verifier);
}

// To this namespace, until the end of the link.
inline UniqueFd attach_dissector_or_exit(std::uint32_t policy = 0) {
  const UniqueFd program = load_or_exit(SteeringProgram::dissect, policy);
  auto link = attach_flow_dissector("/proc/self/ns/net", program.get());
  if (!link) rig_failed(link.error().call);
  return std::move(*link);
}

// A frame that is written here is received by the interface, on this CPU, before the call returns.
class TapWriter {
 public:
  // `in_pages`: of each packet no more than the link header is in the linear part, and the rest in pages (NAPI_FRAGS).
  explicit TapWriter(const std::string& name, bool in_pages = false) : in_pages_(in_pages) {
    fd_ = UniqueFd{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
    if (!fd_) rig_failed("/dev/net/tun");
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | (in_pages ? IFF_NAPI | IFF_NAPI_FRAGS : 0));
    if (::ioctl(fd_.get(), TUNSETIFF, &request) != 0) rig_failed("TUNSETIFF");
    set_up(name);
  }

  bool send(std::span<const std::byte> frame) {
    if (!in_pages_ || frame.size() <= 20)
      return ::write(fd_.get(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
    const auto piece = [&](std::size_t from, std::size_t bytes) {
      return iovec{const_cast<std::byte*>(frame.data() + from), bytes};
    };
    const std::array pieces{piece(0, 14), piece(14, 6), piece(20, frame.size() - 20)};
    return ::writev(fd_.get(), pieces.data(), static_cast<int>(pieces.size())) == static_cast<ssize_t>(frame.size());
  }

 private:
  UniqueFd fd_;
  bool in_pages_;
};

// A veth pair: what is sent out of one end is seen there as outgoing, and received at the other.
class VethPair {
 public:
  // `past_queue`: without the queueing discipline, and unseen by taps on the sending end.
  VethPair(const std::string& sending, const std::string& receiving, bool past_queue = false) {
    run_or_exit("ip link add name " + sending + " type veth peer name " + receiving);
    set_up(sending);
    set_up(receiving);
    fd_ = UniqueFd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    address_.sll_family = AF_PACKET;
    address_.sll_ifindex = static_cast<int>(::if_nametoindex(sending.c_str()));
    if (!fd_ || ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_) != 0) rig_failed(sending);
    const int bypass = past_queue ? 1 : 0;
    if (::setsockopt(fd_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof bypass) != 0) rig_failed(sending);
  }

  bool send(std::span<const std::byte> frame) {
    return ::send(fd_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
  }

 private:
  UniqueFd fd_;
  sockaddr_ll address_{};
};

// Where a packet came to.
inline constexpr int nowhere = -1, several = -2;

class Group {
 public:
  Group(const std::string& interface, std::size_t members, JoinRequest request, int program = -1) {
    epoll_ = UniqueFd{::epoll_create1(EPOLL_CLOEXEC)};
    for (std::size_t i = 0; i < members; ++i) {
      UniqueFd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
      sockaddr_ll address{};
      address.sll_family = AF_PACKET;
      address.sll_protocol = htons(ETH_P_ALL);
      address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
      if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) rig_failed(interface);
      const auto joined = join_group(fd.get(), request);
      if (!joined) rig_failed(joined.error().call);
      epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(i)}};
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) rig_failed("epoll_ctl");
      sockets_.push_back(std::move(fd));
    }
    if (program >= 0 && !set_group_ebpf(sockets_.front().get(), program)) rig_failed("PACKET_FANOUT_DATA");
  }

  [[nodiscard]] const UniqueFd& member(std::size_t index) const { return sockets_[index]; }
  [[nodiscard]] std::size_t size() const { return sockets_.size(); }

  // The member that has a packet: the only one, of one packet that was sent since.
  int take() {
    int where = nowhere;
    std::array<epoll_event, 8> ready;
    std::array<std::byte, 16> head;
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), ready.data(), ready.size(), 0);
      if (count <= 0) return where;
      for (int i = 0; i < count; ++i) {
        const auto member = static_cast<int>(ready[static_cast<std::size_t>(i)].data.u32);
        while (::recv(sockets_[static_cast<std::size_t>(member)].get(), head.data(), head.size(), 0) >= 0)
          where = where == nowhere ? member : several;
      }
    }
  }

 private:
  UniqueFd epoll_;
  std::vector<UniqueFd> sockets_;
};

}  // namespace fanout::test
