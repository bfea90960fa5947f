#pragma once

#include <napi.h>

#include <memory>

#include "lab/tap.hpp"

namespace fanout::binding {

// The TAP of such an object: it stays open as long as whoever uses it holds it, also when the object is closed. Throws
// and returns nullptr for anything else, and for one that is closed.
std::shared_ptr<Tap> tap_from(Napi::Env env, const Napi::Value& value);

}  // namespace fanout::binding
