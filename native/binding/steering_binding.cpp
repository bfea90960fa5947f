// The steering program of this project.
#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "host/steering.hpp"

namespace fanout::binding {
namespace {

// loadSteering({ byPorts, layers }): a descriptor of the program; an error of the call has `verifier` where that
// refused.
Napi::Value load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  const auto policy = options.Get("byPorts").ToBoolean() ? SteeringPolicy::ports : SteeringPolicy::addresses;
  const auto loaded = load_steering(policy, options.Get("layers").ToNumber().Uint32Value());
  if (const int* const descriptor = std::get_if<int>(&loaded)) return Napi::Number::New(env, *descriptor);
  const auto& refusal = std::get<SteeringRefusal>(loaded);
  Napi::Error error = make_sys_error(env, refusal.error);
  if (!refusal.verifier.empty()) error.Set("verifier", Napi::String::New(env, refusal.verifier));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace

void export_steering(Napi::Env env, Napi::Object exports) {
  exports.Set("loadSteering", Napi::Function::New<load>(env));
}

}  // namespace fanout::binding
