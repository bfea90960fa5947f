// class FlowMap: the collector's evidence. One call per message, never per flow; evidence() answers in the shape of
// src/model/evidence.ts.
#include <memory>
#include <optional>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/evidence_to_js.hpp"
#include "binding/frame_collector_binding.hpp"
#include "core/evidence/flow_map.hpp"

namespace fanout::binding {
namespace {

// One per epoch, null where it has no end: (bigint | null)[].
std::vector<EpochWindow> windows_of(const Napi::Value& value) {
  const auto ends = value.As<Napi::Array>();
  std::vector<EpochWindow> windows(ends.Length());
  for (std::uint32_t i = 0; i < ends.Length(); ++i)
    if (const Napi::Value end = ends.Get(i); !end.IsNull()) windows[i].end_ns = uint64_of(end);
  return windows;
}

class FlowMapObject : public Napi::ObjectWrap<FlowMapObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("FlowMap", DefineClass(env, "FlowMap",
                                       {InstanceMethod<&FlowMapObject::ingest>("ingest"),
                                        InstanceMethod<&FlowMapObject::tally>("tally"),
                                        InstanceMethod<&FlowMapObject::evidence>("evidence"),
                                        InstanceMethod<&FlowMapObject::flows>("flows"),
                                        InstanceMethod<&FlowMapObject::capacity>("capacity"),
                                        InstanceMethod<&FlowMapObject::bytes_used>("bytesUsed")}));
  }

  explicit FlowMapObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FlowMapObject>(info), env_(info.Env()) {
    if (!info[0].IsObject()) {
      throw_type_error(env_, "FlowMap needs options");
      return;
    }
    const auto o = info[0].As<Napi::Object>();
    FlowMap::Limits limits;
    limits.members = uint32_of(o, "members");
    limits.flows_max = uint32_of(o, "flowsMax");
    if (property(o, "sightsMax")) limits.sights_max = uint32_of(o, "sightsMax");
    if (property(o, "fragmentsMax")) limits.fragments_max = uint32_of(o, "fragmentsMax");
    limits.when_full = FlowMap::WhenFull::forget;
    if (const auto replayed = property(o, "replayed")) {
      FrameCollector* const collector = frame_collector_from(env_, *replayed);
      if (collector == nullptr) return;
      original_ = collector->original();
    }
    auto created = FlowMap::create(limits, HashSeed{uint64_of(o.Get("hashSeed"))});
    if (!created) {
      throw_sys_error(env_, created.error());
      return;
    }
    map_.emplace(std::move(*created));
  }

 private:
  // ingest(message, member, newestEpoch?): the number of observations, or -(1 + offset) where the message is malformed;
  // then nothing was taken from it.
  Napi::Value ingest(const Napi::CallbackInfo& info) {
    if (!info[0].IsTypedArray()) {
      throw_type_error(env_, "ingest needs bytes");
      return env_.Undefined();
    }
    const std::uint32_t newest = info[2].IsNumber() ? info[2].As<Napi::Number>().Uint32Value() : FlowMap::epoch_max;
    const IngestResult result = map_->ingest(bytes_of(info[0]), info[1].ToNumber().Uint32Value(), newest);
    return Napi::Number::New(env_, result.ok ? result.observations : -1.0 - static_cast<double>(result.error_offset));
  }

  Napi::Value tally(const Napi::CallbackInfo&) {
    const Tally& t = map_->tally();
    auto out = Napi::Object::New(env_);
    out.Set("flows", number(env_, t.flows));
    out.Set("twoWay", number(env_, t.two_way));
    out.Set("violated", number(env_, t.violated));
    out.Set("packets", number(env_, t.packets));
    out.Set("forgotten", number(env_, t.forgotten));
    out.Set("full", map_->full());
    return out;
  }

  // evidence({ epochEndsNs: (bigint | null)[], violationsMax, startNs })
  Napi::Value evidence(const Napi::CallbackInfo& info) {
    const auto o = info[0].As<Napi::Object>();
    const Evidence evidence = map_->evidence(windows_of(o.Get("epochEndsNs")), uint32_of(o, "violationsMax"), basis());
    return evidence_to_js(env_, evidence, map_->tally(), uint64_of(o.Get("startNs")));
  }

  // flows({ epochEndsNs: (bigint | null)[], max, startNs })
  Napi::Value flows(const Napi::CallbackInfo& info) {
    const auto o = info[0].As<Napi::Object>();
    const auto flows = map_->flows(windows_of(o.Get("epochEndsNs")), uint32_of(o, "max"), basis());
    return flows_to_js(env_, flows, uint64_of(o.Get("startNs")));
  }

  Napi::Value capacity(const Napi::CallbackInfo&) { return number(env_, map_->capacity()); }

  Napi::Value bytes_used(const Napi::CallbackInfo&) { return number(env_, map_->bytes_used()); }

  [[nodiscard]] FlowMap::Basis basis() const { return original_ ? original_->basis_of_replay() : FlowMap::Basis{}; }

  Napi::Env env_;
  std::optional<FlowMap> map_;
  std::shared_ptr<const Prediction> original_;  // where a capture file is replayed
};

}  // namespace

void export_flow_map(Napi::Env env, Napi::Object exports) { FlowMapObject::define(env, exports); }

}  // namespace fanout::binding
