// What is wrong with a capture file, in the shape of CaptureProblem in src/native-lab.ts.
#pragma once

#include <napi.h>

#include "capture_file.hpp"
#include "convert.hpp"

namespace fanout::binding {

inline const char* fault_text(CaptureFault fault) {
  switch (fault) {
    case CaptureFault::none:
      return "none";
    case CaptureFault::empty:
      return "empty";
    case CaptureFault::foreign:
      return "foreign";
    case CaptureFault::unknown_version:
      return "unknown-version";
    case CaptureFault::truncated:
      return "truncated";
    case CaptureFault::implausible_length:
      return "implausible-length";
    case CaptureFault::length_mismatch:
      return "length-mismatch";
    case CaptureFault::unknown_interface:
      return "unknown-interface";
    case CaptureFault::too_many_interfaces:
      return "too-many-interfaces";
    case CaptureFault::bad_byte_order:
      return "bad-byte-order";
  }
  return "none";
}

inline Napi::Object problem_to_js(Napi::Env env, const CaptureProblem& problem) {
  auto out = Napi::Object::New(env);
  out.Set("fault", fault_text(problem.fault));
  out.Set("record", number(env, problem.record));
  if (problem.block != 0) out.Set("block", number(env, problem.block));
  out.Set("offset", number(env, problem.offset));
  out.Set("value", number(env, problem.value));
  if (problem.foreign != nullptr) out.Set("foreign", problem.foreign);
  return out;
}

}  // namespace fanout::binding
