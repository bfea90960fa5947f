#include "binding/bindings.hpp"

// Changes with the wire format; src/addon/native.ts refuses an addon of another version.
constexpr int wire_version = 5;

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("wireVersion", wire_version);
  fanout::binding::export_capture(env, exports);
  fanout::binding::export_descriptors(env, exports);
  fanout::binding::export_dissect(env, exports);
  fanout::binding::export_ethtool(env, exports);
  fanout::binding::export_flow_map(env, exports);
  fanout::binding::export_frame_collector(env, exports);
  fanout::binding::export_helper(env, exports);
  fanout::binding::export_host(env, exports);
  fanout::binding::export_injector(env, exports);
  fanout::binding::export_kernel_hash(env, exports);
  fanout::binding::export_lab_tag(env, exports);
  fanout::binding::export_message(env, exports);
  fanout::binding::export_nic(env, exports);
  fanout::binding::export_observations(env, exports);
  fanout::binding::export_packet_sockets(env, exports);
  fanout::binding::export_prediction(env, exports);
  fanout::binding::export_privileges(env, exports);
  fanout::binding::export_process(env, exports);
  fanout::binding::export_steering(env, exports);
  fanout::binding::export_tap(env, exports);
  return exports;
}

NODE_API_MODULE(fanout, init)
