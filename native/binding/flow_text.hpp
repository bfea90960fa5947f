// Flows in the shape of src/model/run-result.ts.
#pragma once

#include <arpa/inet.h>
#include <napi.h>

#include <cstdio>
#include <string>

#include "core/packet/flow_key.hpp"

namespace fanout::binding {

inline std::string address_text(const Address& address, std::uint8_t family) {
  char text[INET6_ADDRSTRLEN]{};
  ::inet_ntop(family == 4 ? AF_INET : AF_INET6, address.data(), text, sizeof text);
  return text;
}

// The keywords of RFC 5237's registry, as /etc/protocols has them in lower case; the number of any other.
inline std::string protocol_text(std::uint8_t protocol) {
  struct Named {
    std::uint8_t number;
    const char* name;
  };
  static constexpr Named names[] = {
      {IPPROTO_ICMP, "icmp"},
      {IPPROTO_IGMP, "igmp"},
      {IPPROTO_IPIP, "ipip"},
      {IPPROTO_TCP, "tcp"},
      {IPPROTO_UDP, "udp"},
      {IPPROTO_DCCP, "dccp"},
      {IPPROTO_IPV6, "ipv6"},
      {IPPROTO_RSVP, "rsvp"},
      {IPPROTO_GRE, "gre"},
      {IPPROTO_ESP, "esp"},
      {IPPROTO_AH, "ah"},
      {IPPROTO_ICMPV6, "icmp6"},
      {88, "eigrp"},
      {89, "ospf"},
      {97, "etherip"},
      {IPPROTO_PIM, "pim"},
      {IPPROTO_COMP, "ipcomp"},
      {112, "vrrp"},
      {115, "l2tp"},
      {IPPROTO_SCTP, "sctp"},
      {IPPROTO_UDPLITE, "udplite"},
  };
  for (const auto& [number, name] : names)
    if (number == protocol) return name;
  return std::to_string(protocol);
}

inline std::string hex64(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

inline const char* direction_text(Direction direction) {
  return direction == Direction::forward ? "forward" : "reverse";
}

inline Napi::Object flow_to_js(Napi::Env env, const FlowKey& key) {
  auto flow = Napi::Object::New(env);
  flow.Set("proto", protocol_text(key.protocol));
  flow.Set("src", address_text(key.a, key.family));
  flow.Set("sport", Napi::Number::New(env, key.a_port));
  flow.Set("dst", address_text(key.b, key.family));
  flow.Set("dport", Napi::Number::New(env, key.b_port));
  return flow;
}

}  // namespace fanout::binding
