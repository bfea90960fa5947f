#pragma once

#include "binding/convert.hpp"
#include "host/privileges.hpp"

namespace fanout::binding {

// { uid, gid }
inline Ids ids_of(const Napi::Object& o) { return {uint32_of(o, "uid"), uint32_of(o, "gid")}; }

}  // namespace fanout::binding
