#pragma once

#include <napi.h>

#include "lab/frame_collector.hpp"

namespace fanout::binding {

// The collector of such an object, as long as that lives; throws and returns nullptr for anything else.
FrameCollector* frame_collector_from(Napi::Env env, const Napi::Value& value);

}  // namespace fanout::binding
