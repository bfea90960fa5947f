#pragma once

#include <napi.h>

#include <memory>

#include "lab/nic.hpp"

namespace fanout::binding {

// The NIC of such an object; throws and returns nullptr for anything else.
std::shared_ptr<const Nic> nic_from(Napi::Env env, const Napi::Value& value);

}  // namespace fanout::binding
