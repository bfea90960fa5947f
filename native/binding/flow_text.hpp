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

inline std::string protocol_text(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_DCCP:
      return "dccp";
    case IPPROTO_ICMPV6:
      return "icmp6";
    case IPPROTO_SCTP:
      return "sctp";
    case IPPROTO_UDPLITE:
      return "udplite";
    default:
      return std::to_string(protocol);
  }
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
