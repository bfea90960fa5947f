// Where the lab tag has what.
#include "binding/bindings.hpp"
#include "core/packet/lab_tag.hpp"

namespace fanout::binding {
namespace {

Napi::Object lab_tag_layout(Napi::Env env) {
  auto out = Napi::Object::New(env);
  out.Set("magic", static_cast<double>(lab_tag::magic));
  out.Set("bytes", static_cast<double>(lab_tag::bytes));
  out.Set("flowOffset", static_cast<double>(lab_tag::flow_offset));
  out.Set("directionOffset", static_cast<double>(lab_tag::direction_offset));
  out.Set("guardKindOffset", static_cast<double>(lab_tag::guard_kind_offset));
  out.Set("sequenceOffset", static_cast<double>(lab_tag::sequence_offset));
  out.Set("guardOffset", static_cast<double>(lab_tag::guard_offset));
  return out;
}

}  // namespace

void export_lab_tag(Napi::Env env, Napi::Object exports) { exports.Set("labTag", lab_tag_layout(env)); }

}  // namespace fanout::binding
