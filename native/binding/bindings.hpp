// What the addon is made of: one file for each concept, NAME_binding.cpp here, with its types in src/addon/NAME.ts.
// Each function adds its classes and functions to `exports`.
#pragma once

#include <napi.h>

namespace fanout::binding {

void export_capture(Napi::Env env, Napi::Object exports);
void export_descriptors(Napi::Env env, Napi::Object exports);
void export_dissect(Napi::Env env, Napi::Object exports);
void export_ethtool(Napi::Env env, Napi::Object exports);
void export_flow_map(Napi::Env env, Napi::Object exports);
void export_frame_collector(Napi::Env env, Napi::Object exports);
void export_helper(Napi::Env env, Napi::Object exports);
void export_host(Napi::Env env, Napi::Object exports);
void export_injector(Napi::Env env, Napi::Object exports);
void export_kernel_hash(Napi::Env env, Napi::Object exports);
void export_lab_tag(Napi::Env env, Napi::Object exports);
void export_message(Napi::Env env, Napi::Object exports);
void export_nic(Napi::Env env, Napi::Object exports);
void export_observations(Napi::Env env, Napi::Object exports);
void export_packet_sockets(Napi::Env env, Napi::Object exports);
void export_prediction(Napi::Env env, Napi::Object exports);
void export_privileges(Napi::Env env, Napi::Object exports);
void export_process(Napi::Env env, Napi::Object exports);
void export_steering(Napi::Env env, Napi::Object exports);
void export_tap(Napi::Env env, Napi::Object exports);

}  // namespace fanout::binding
