// KernelInput of src/addon/dissect.ts. What is absent is as in current kernels.
#pragma once

#include <optional>
#include <string>

#include "binding/convert.hpp"
#include "core/packet/kernel_model.hpp"

namespace fanout::binding {

inline std::optional<KernelModel> kernel_model_from_js(const Napi::Object& options) {
  const auto given = property(options, "kernel");
  if (!given || !given->IsObject()) return std::nullopt;
  const auto kernel = given->As<Napi::Object>();
  const std::string pppoe = kernel.Get("pppoe").ToString().Utf8Value();
  KernelModel model;
  model.ports_with_addresses = bool_of(kernel, "portsWithAddresses");
  model.reads_hsr = bool_of(kernel, "readsHsr");
  model.pppoe = pppoe == "plain"        ? PppoeReading::plain
                : pppoe == "compressed" ? PppoeReading::compressed
                                        : PppoeReading::checked;
  if (const auto bugs = property(kernel, "bugs"); bugs && bugs->IsObject()) {
    const auto of = bugs->As<Napi::Object>();
    model.bug_b = bool_of(of, "b");
    model.bug_c = bool_of(of, "c");
    model.bug_d = bool_of(of, "d");
  }
  return model;
}

}  // namespace fanout::binding
