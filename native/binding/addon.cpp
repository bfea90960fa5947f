#include "binding/bindings.hpp"
#include "binding/lab_binding.hpp"

// Changes with the wire format; src/addon/native.ts refuses an addon of another version.
constexpr int wire_version = 5;

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("wireVersion", wire_version);
  fanout::binding::export_capture(env, exports);
  fanout::binding::export_descriptors(env, exports);
  fanout::binding::export_dissect(env, exports);
  fanout::binding::export_flow_map(env, exports);
  fanout::binding::export_host(env, exports);
  fanout::binding::export_message(env, exports);
  fanout::binding::export_observations(env, exports);
  fanout::binding::export_prediction(env, exports);
  fanout::binding::export_privileges(env, exports);
  export_lab(env, exports);
  return exports;
}

NODE_API_MODULE(fanout, init)
