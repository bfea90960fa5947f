// Bytes of a capture file in, segments of frames out, which an Injector takes over without copying.
#include "binding/frame_collector_binding.hpp"

#include <memory>
#include <utility>

#include "binding/bindings.hpp"
#include "binding/capture_summary.hpp"
#include "binding/convert.hpp"
#include "binding/nic_binding.hpp"

namespace fanout::binding {
namespace {

constexpr double safe_integer_max = 9007199254740991.0;
constexpr double segment_bytes_max = 1 << 30;

class FrameCollectorObject final : public Napi::ObjectWrap<FrameCollectorObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "FrameCollector",
        {InstanceMethod<&FrameCollectorObject::feed>("feed"), InstanceMethod<&FrameCollectorObject::finish>("finish"),
         InstanceMethod<&FrameCollectorObject::restart>("restart"),
         InstanceMethod<&FrameCollectorObject::summary>("summary"),
         InstanceAccessor<&FrameCollectorObject::is_full>("isFull"),
         InstanceAccessor<&FrameCollectorObject::frames>("frames")});
  }
  static constexpr napi_type_tag type_tag = {0x1b7d92a5c0e34f68, 0x83e5604ad19b72cf};

  explicit FrameCollectorObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FrameCollectorObject>(info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsObject()) {
      throw_type_error(env, "FrameCollector needs { segmentBytes, queues, seed }");
      return;
    }
    const auto options = info[0].As<Napi::Object>();
    const auto bytes = integer_in(env, options.Get("segmentBytes"), "segmentBytes", 1, segment_bytes_max);
    if (!bytes) return;
    const auto queues = integer_in(env, options.Get("queues"), "queues", 1, 65535);
    if (!queues) return;
    const auto seed = integer_in(env, options.Get("seed"), "seed", 0, safe_integer_max);
    if (!seed) return;
    std::shared_ptr<const Nic> nic;
    if (const auto given = property(options, "nic")) {
      nic = nic_from(env, *given);
      if (!nic) return;
    }
    std::shared_ptr<Prediction> original;
    if (const auto workers = property(options, "original")) {
      original = original_of(env, workers->As<Napi::Object>());
      if (!original) return;
    }
    collector_ = std::make_unique<FrameCollector>(static_cast<std::size_t>(*bytes), static_cast<std::uint16_t>(*queues),
                                                  HashSeed{static_cast<std::uint64_t>(*seed)}, std::move(nic),
                                                  std::move(original));
    info.This().As<Napi::Object>().TypeTag(&type_tag);
  }

  [[nodiscard]] FrameCollector& collector() { return *collector_; }

 private:
  // { hashSeed, defrag, flowsMax }: as the workers have it.
  static std::shared_ptr<Prediction> original_of(Napi::Env env, const Napi::Object& o) {
    auto created = Prediction::create({.defrag = o.Get("defrag").ToBoolean().Value(),
                                       .flows_max = uint32_of(o, "flowsMax"),
                                       .seed = HashSeed{uint64_of(o.Get("hashSeed"))}});
    if (created) return std::make_shared<Prediction>(std::move(*created));
    throw_sys_error(env, created.error());
    return nullptr;
  }

  Napi::Value feed(const Napi::CallbackInfo& info) {
    const auto bytes = typed_array<std::uint8_t>(info.Env(), info[0], napi_uint8_array, "bytes");
    if (!bytes) return {};
    return number(info.Env(), collector_->feed(std::as_bytes(*bytes)));
  }
  Napi::Value finish(const Napi::CallbackInfo& info) {
    collector_->finish();
    return info.Env().Undefined();
  }
  Napi::Value restart(const Napi::CallbackInfo& info) {
    collector_->restart();
    return info.Env().Undefined();
  }
  Napi::Value is_full(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), collector_->is_full()); }
  Napi::Value frames(const Napi::CallbackInfo& info) { return number(info.Env(), collector_->segment().count()); }

  Napi::Value summary(const Napi::CallbackInfo& info) {
    return capture_summary(info.Env(), *collector_, collector_->original().get());
  }

  std::unique_ptr<FrameCollector> collector_;
};

}  // namespace

void export_frame_collector(Napi::Env env, Napi::Object exports) {
  exports.Set("FrameCollector", FrameCollectorObject::define(env));
}

FrameCollector* frame_collector_from(Napi::Env env, const Napi::Value& value) {
  if (value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&FrameCollectorObject::type_tag))
    return &FrameCollectorObject::Unwrap(value.As<Napi::Object>())->collector();
  throw_type_error(env, "this is not a FrameCollector");
  return nullptr;
}

}  // namespace fanout::binding
