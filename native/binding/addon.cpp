#include "bindings.hpp"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  fanout::binding::export_capture(env, exports);
  fanout::binding::export_flow_map(env, exports);
  fanout::binding::export_host(env, exports);
  fanout::binding::export_message(env, exports);
  return exports;
}

NODE_API_MODULE(fanout, init)
