// What became of a capture file, in the shape of CaptureSummary in src/addon/capture-summary.ts.
#pragma once

#include <napi.h>

#include "binding/convert.hpp"
#include "core/capture_file/capture_frames.hpp"
#include "core/capture_file/link_frame.hpp"
#include "core/capture_file/prediction.hpp"

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

inline Napi::Object copies_to_js(Napi::Env env, const CopyCounts& copies) {
  auto out = Napi::Object::New(env);
  out.Set("looked", number(env, copies.looked));
  out.Set("again", number(env, copies.again));
  out.Set("apartNs", number(env, copies.again == 0 ? 0 : copies.apart_ns / copies.again));
  return out;
}

// `by_file`: what the file's own time stamps tell of its packets; null where nobody asked.
inline Napi::Object capture_summary(Napi::Env env, const CaptureFrames& frames, const Prediction* by_file) {
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
  if (by_file != nullptr && by_file->copies_are_untold()) out.Set("copiesAreUntold", true);
  if (by_file != nullptr) out.Set("copies", copies_to_js(env, by_file->copies()));
  if (parser.problem().fault != CaptureFault::none) out.Set("problem", problem_to_js(env, parser.problem()));
  return out;
}

}  // namespace fanout::binding
