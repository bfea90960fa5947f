// The frames that are sent on another kernel: plain TCP of many flows, with as many VLAN tags as wanted.
#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstdint>

#include "guest.hpp"

namespace guest {

/** A packet socket bound to the interface; -1 with errno. */
inline int packet_socket(const std::string& interface, int protocol) {
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return fd;
}

/** One direction of TCP flow number `flow`: always the same bytes. */
inline std::vector<std::uint8_t> tcp_frame(unsigned flow, bool reverse, int tags) {
  std::vector<std::uint8_t> frame(12, 2);
  const auto put16 = [&](unsigned value) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
  };
  const auto put32 = [&](std::uint32_t value) {
    put16(value >> 16);
    put16(value & 0xffff);
  };
  if (tags == 2) put16(ETH_P_8021AD), put16(7);
  if (tags >= 1) put16(ETH_P_8021Q), put16(5);
  put16(ETH_P_IP);
  const std::size_t ip = frame.size();
  const std::uint32_t client = 0x0a010000 + flow;
  const std::uint32_t server = 0x0a020000 + flow % 13;
  const unsigned port = 20000 + flow % 40000;
  put16(0x4500), put16(40), put32(0), put16(0x4006), put16(0);
  put32(reverse ? server : client), put32(reverse ? client : server);
  std::uint32_t sum = 0;
  for (std::size_t i = ip; i < frame.size(); i += 2) sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
  sum = (sum & 0xffff) + (sum >> 16);
  const std::uint32_t checksum = ~(sum + (sum >> 16));
  frame[ip + 10] = static_cast<std::uint8_t>(checksum >> 8);
  frame[ip + 11] = static_cast<std::uint8_t>(checksum);
  put16(reverse ? 443 : port), put16(reverse ? port : 443), put32(1), put32(1), put16(0x5010), put16(1000), put32(0);
  return frame;
}

}  // namespace guest
