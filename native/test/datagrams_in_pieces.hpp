// Datagrams in pieces, and whole packets of their flows: plain ones, and in tunnels, of which the outer datagram, the
// inner one or both are in pieces.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "test/packets.hpp"
#include "test/tunnels.hpp"

namespace fanout::test {

struct Piece {
  Octets frame;
  bool is_first = false;
};

// The pieces of one datagram, in order, and whole packets of its flow in both directions.
struct Datagram {
  std::vector<Piece> pieces;
  std::vector<Octets> whole;
};

inline Octets behind(const Octets& frame, std::size_t from) {
  return {frame.begin() + static_cast<long>(from), frame.end()};
}

inline constexpr std::size_t piece_bytes = 800;

// `frame` is Ethernet and IPv4 without options.
inline std::vector<Piece> split4(const Octets& frame, unsigned identification, std::size_t bytes = piece_bytes) {
  const Octets content = behind(frame, 34);
  std::vector<Piece> out;
  for (std::size_t at = 0; at < content.size(); at += bytes) {
    const std::size_t end = std::min(at + bytes, content.size());
    Octets piece{frame.begin(), frame.begin() + 34};
    set16(piece, 16, 20 + end - at);
    set16(piece, 18, identification);
    set16(piece, 20, at / 8 | (end < content.size() ? 0x2000U : 0U));
    piece.insert(piece.end(), content.begin() + static_cast<long>(at), content.begin() + static_cast<long>(end));
    out.push_back({piece, at == 0});
  }
  return out;
}

// `frame` is Ethernet and IPv6 without extensions.
inline std::vector<Piece> split6(const Octets& frame, std::uint32_t identification) {
  const Octets content = behind(frame, 54);
  std::vector<Piece> out;
  for (std::size_t at = 0; at < content.size(); at += piece_bytes) {
    const std::size_t end = std::min(at + piece_bytes, content.size());
    Octets piece{frame.begin(), frame.begin() + 54};
    set16(piece, 18, 8 + end - at);
    piece[20] = std::byte{IPPROTO_FRAGMENT};
    piece.push_back(frame[20]);
    put8(piece, 0);
    put16(piece, static_cast<unsigned>(at) | (end < content.size() ? 1U : 0U));
    put32(piece, identification);
    piece.insert(piece.end(), content.begin() + static_cast<long>(at), content.begin() + static_cast<long>(end));
    out.push_back({piece, at == 0});
  }
  return out;
}

struct Ends {
  std::string a, b;
  unsigned a_port, b_port;
};

inline Ends ends4(unsigned flow) {
  return {"10.1." + std::to_string(flow / 200) + "." + std::to_string(flow % 200 + 1),
          "192.0.2." + std::to_string(flow % 250 + 1), 20000 + flow, 5000 + flow % 7};
}

inline Ends ends6(unsigned flow) {
  char a[40], b[40];
  std::snprintf(a, sizeof a, "2001:db8::%x", flow + 1);
  std::snprintf(b, sizeof b, "2001:db8:1::%x", flow % 250 + 1);
  return {a, b, 20000 + flow, 5000 + flow % 7};
}

inline Packet there4(const Ends& ends, std::size_t bytes) {
  return eth() / ipv4(ends.a, ends.b) / udp(ends.a_port, ends.b_port) / payload(bytes);
}
inline Packet back4(const Ends& ends, std::size_t bytes) {
  return eth() / ipv4(ends.b, ends.a) / udp(ends.b_port, ends.a_port) / payload(bytes);
}

inline Datagram plain4(unsigned flow, unsigned identification) {
  const Ends ends = ends4(flow);
  return {split4(there4(ends, 2000).bytes(), identification), {there4(ends, 40).bytes(), back4(ends, 40).bytes()}};
}

inline Datagram plain6(unsigned flow, unsigned identification) {
  const Ends ends = ends6(flow);
  const auto there = [&](std::size_t bytes) {
    return (eth() / ipv6(ends.a, ends.b) / udp(ends.a_port, ends.b_port) / payload(bytes)).bytes();
  };
  const auto back = (eth() / ipv6(ends.b, ends.a) / udp(ends.b_port, ends.a_port) / payload(40)).bytes();
  return {split6(there(2000), identification), {there(40), back}};
}

// All flows in one tunnel between two hosts.
inline Octets in_vxlan(const Octets& frame, unsigned flow, bool is_back = false) {
  const std::string a = "198.51.100.1", b = "198.51.100.2";
  const Header outer = is_back ? ipv4(b, a) : ipv4(a, b);
  return (eth() / outer / udp(40000 + flow * 7 % 9999, 4789) / vxlan() / Header{.bytes = frame}).bytes();
}

inline Datagram vxlan_outer(unsigned flow, unsigned identification) {
  const Ends ends = ends4(flow);
  return {split4(in_vxlan(there4(ends, 1500).bytes(), flow), identification),
          {in_vxlan(there4(ends, 40).bytes(), flow), in_vxlan(back4(ends, 40).bytes(), flow, true)}};
}

inline Datagram vxlan_inner(unsigned flow, unsigned identification) {
  const Ends ends = ends4(flow);
  Datagram out{split4(there4(ends, 2000).bytes(), identification),
               {in_vxlan(there4(ends, 40).bytes(), flow), in_vxlan(back4(ends, 40).bytes(), flow, true)}};
  for (Piece& piece : out.pieces) piece.frame = in_vxlan(piece.frame, flow);
  return out;
}

// Each piece of the inner datagram is in a packet of the tunnel that is in pieces itself.
inline Datagram vxlan_both(unsigned flow, unsigned identification) {
  Datagram out = vxlan_inner(flow, identification);
  std::vector<Piece> pieces;
  unsigned outer = identification;
  for (const Piece& inner : out.pieces)
    for (Piece& piece : split4(inner.frame, ++outer, 400)) {
      piece.is_first = piece.is_first && inner.is_first;
      pieces.push_back(std::move(piece));
    }
  out.pieces = std::move(pieces);
  return out;
}

inline Datagram gre6_outer(unsigned flow, unsigned identification) {
  const Ends ends = ends4(flow);
  const std::string a = "2001:db8:ffff::1", b = "2001:db8:ffff::2";
  const auto there = [&](std::size_t bytes) {
    return (eth() / ipv6(a, b) / gre(0) / ipv4(ends.a, ends.b) / udp(ends.a_port, ends.b_port) / payload(bytes))
        .bytes();
  };
  const auto back =
      (eth() / ipv6(b, a) / gre(0) / ipv4(ends.b, ends.a) / udp(ends.b_port, ends.a_port) / payload(40)).bytes();
  return {split6(there(1500), identification), {there(40), back}};
}

}  // namespace fanout::test
