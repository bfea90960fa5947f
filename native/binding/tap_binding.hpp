#pragma once

#include <napi.h>

#include <memory>

#include "lab/tap.hpp"

namespace fanout::binding {

// The TAP of such an object. It stays open while its user holds it, even if the object is closed. Throws and returns
// nullptr for anything else, and for an object that is closed.
std::shared_ptr<Tap> tap_from(Napi::Env env, const Napi::Value& value);

}  // namespace fanout::binding
