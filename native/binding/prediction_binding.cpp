// class CapturePrediction: bytes of a capture file in, evidence out as of a group that has a member for every kernel
// key.
#include <memory>

#include "binding/bindings.hpp"
#include "binding/capture_summary.hpp"
#include "binding/convert.hpp"
#include "binding/evidence_to_js.hpp"
#include "binding/kernel_model_from_js.hpp"
#include "core/capture_file/prediction.hpp"

namespace fanout::binding {
namespace {

class CapturePredictionObject final : public Napi::ObjectWrap<CapturePredictionObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    using Self = CapturePredictionObject;
    return DefineClass(env, "CapturePrediction",
                       {InstanceMethod<&Self::feed>("feed"), InstanceMethod<&Self::finish>("finish"),
                        InstanceMethod<&Self::summary>("summary"), InstanceMethod<&Self::evidence>("evidence"),
                        InstanceMethod<&Self::flows>("flows"), InstanceMethod<&Self::counts>("counts")});
  }

  // new CapturePrediction({ hashSeed, flowsMax, kernel? })
  explicit CapturePredictionObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<CapturePredictionObject>(info), env_(info.Env()) {
    if (!info[0].IsObject()) {
      throw_type_error(env_, "CapturePrediction needs options");
      return;
    }
    const auto o = info[0].As<Napi::Object>();
    Prediction::Options options{.flows_max = uint32_of(o, "flowsMax"),
                                .seed = HashSeed{uint64_of(o.Get("hashSeed"))},
                                .kernel = kernel_model_from_js(o).value_or(KernelModel{})};
    auto plain = Prediction::create(options);
    options.defrag = true;
    auto defragmented = Prediction::create(options);
    if (!plain || !defragmented) {
      throw_sys_error(env_, plain ? defragmented.error() : plain.error());
      return;
    }
    prediction_ = std::make_unique<CapturePrediction>(std::move(*plain), std::move(*defragmented));
  }

 private:
  Napi::Value feed(const Napi::CallbackInfo& info) {
    const auto bytes = typed_array<std::uint8_t>(env_, info[0], napi_uint8_array, "bytes");
    if (!bytes) return {};
    return number(env_, prediction_->feed(std::as_bytes(*bytes)));
  }
  Napi::Value finish(const Napi::CallbackInfo&) {
    prediction_->finish();
    return env_.Undefined();
  }
  Napi::Value summary(const Napi::CallbackInfo&) { return capture_summary(env_, *prediction_, &prediction_->plain()); }

  // evidence({ defrag, violationsMax })
  Napi::Value evidence(const Napi::CallbackInfo& info) {
    const auto o = info[0].As<Napi::Object>();
    const Prediction& of = group(o);
    return evidence_to_js(env_, of.evidence(uint32_of(o, "violationsMax")), of.tally(), of.start_ns());
  }
  // flows({ defrag, max })
  Napi::Value flows(const Napi::CallbackInfo& info) {
    const auto o = info[0].As<Napi::Object>();
    const Prediction& of = group(o);
    return flows_to_js(env_, of.flows(uint32_of(o, "max")), of.start_ns());
  }
  // counts({ defrag })
  Napi::Value counts(const Napi::CallbackInfo& info) {
    const Prediction& of = group(info[0].As<Napi::Object>());
    auto out = Napi::Object::New(env_);
    out.Set("packets", number(env_, of.counts().packets));
    out.Set("unseen", number(env_, of.counts().unseen));
    out.Set("ignored", array_of(env_, of.ignored(), [&](const IgnoredCounts::Entry& e) {
              auto pair = Napi::Array::New(env_, 2);
              pair.Set(0U, Napi::Number::New(env_, e.reason));
              pair.Set(1U, number(env_, e.packets));
              return pair;
            }));
    return out;
  }

  const Prediction& group(const Napi::Object& question) const {
    return question.Get("defrag").ToBoolean().Value() ? prediction_->defragmented() : prediction_->plain();
  }

  Napi::Env env_;
  std::unique_ptr<CapturePrediction> prediction_;
};

}  // namespace

void export_prediction(Napi::Env env, Napi::Object exports) {
  exports.Set("CapturePrediction", CapturePredictionObject::define(env));
}

}  // namespace fanout::binding
