// What became of a capture file, in the shape of CaptureSummary in src/addon/capture-summary.ts.
#pragma once

#include <napi.h>

#include "binding/convert.hpp"
#include "core/capture_file/capture_frames.hpp"
#include "core/capture_file/link_frame.hpp"

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

inline const char* reason_text(LeftOutReason reason) {
  switch (reason) {
    case LeftOutReason::link_type:
      return "link-type";
    case LeftOutReason::protocol:
      return "protocol";
    case LeftOutReason::encrypted:
      return "encrypted";
    case LeftOutReason::cut:
      return "cut";
    case LeftOutReason::too_long:
      return "too-long";
  }
  return "link-type";
}

inline Napi::Object left_out_to_js(Napi::Env env, const LeftOut& entry) {
  auto out = Napi::Object::New(env);
  out.Set("reason", reason_text(entry.reason));
  out.Set("linkType", Napi::Number::New(env, entry.link_type));
  if (const char* name = link_type_name(entry.link_type)) out.Set("linkTypeName", name);
  out.Set("packets", number(env, entry.packets));
  return out;
}

// `copies_are_untold`: packets are alike, and no time stamp tells whether they are copies.
inline Napi::Object capture_summary(Napi::Env env, const CaptureFrames& frames, bool copies_are_untold) {
  const FrameCounts& counts = frames.counts();
  const CaptureFileParser& parser = frames.parser();
  auto out = Napi::Object::New(env);
  if (parser.format() != nullptr) out.Set("format", parser.format());
  out.Set("records", number(env, parser.records()));
  out.Set("frames", number(env, counts.frames));
  out.Set("cutHeaders", number(env, counts.cut_headers));
  out.Set("leftOut", array_of(env, std::span{counts.left_out}.first(counts.left_out_used),
                              [&](const LeftOut& entry) { return left_out_to_js(env, entry); }));
  out.Set("leftOutOtherwise", number(env, counts.left_out_otherwise));
  if (copies_are_untold) out.Set("copiesAreUntold", true);
  if (parser.problem().fault != CaptureFault::none) out.Set("problem", problem_to_js(env, parser.problem()));
  return out;
}

}  // namespace fanout::binding
