// What the lab needs from outside JavaScript: Tap, Injector, FrameCollector, Nic, exec and the layout of the lab tag.
#pragma once

#include <napi.h>

void export_lab(Napi::Env env, Napi::Object exports);
