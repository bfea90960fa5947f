// InterfaceInfo as an object.
#pragma once

#include "binding/convert.hpp"
#include "host/interface.hpp"

namespace fanout::binding {

inline Napi::Object interface_to_js(Napi::Env env, const InterfaceInfo& info) {
  auto out = Napi::Object::New(env);
  out.Set("index", info.index);
  out.Set("name", info.name);
  out.Set("up", info.up);
  out.Set("running", info.running);
  out.Set("loopback", info.loopback);
  out.Set("promiscuous", info.promiscuous);
  out.Set("hardwareType", static_cast<int>(info.hardware_type));
  out.Set("mtu", info.mtu);
  return out;
}

}  // namespace fanout::binding
