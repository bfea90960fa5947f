// Evidence in the shape of src/model/evidence.ts, and flows in that of ObservedFlow in src/addon/flow-map.ts.
#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

#include "core/evidence/flow_map.hpp"

namespace fanout::binding {

[[nodiscard]] Napi::Object evidence_to_js(Napi::Env env, const Evidence& evidence, const Tally& tally,
                                          std::uint64_t start_ns);
[[nodiscard]] Napi::Array flows_to_js(Napi::Env env, const std::vector<ObservedFlow>& flows, std::uint64_t start_ns);

}  // namespace fanout::binding
