// The members that a HASH group chooses, by the kernel itself.
#include <algorithm>
#include <vector>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "lab/kernel_hash.hpp"

namespace fanout::binding {
namespace {

// membersByKernelHash(frames, offsets, members): for each frame the member that a group of so many would choose, by the
// kernel itself.
Napi::Value ask_kernel_hash(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto frames = typed_array<std::uint8_t>(env, info[0], napi_uint8_array, "frames");
  if (!frames) return {};
  const auto offsets = typed_array<std::uint32_t>(env, info[1], napi_uint32_array, "offsets");
  if (!offsets) return {};
  if (!std::is_sorted(offsets->begin(), offsets->end()) || (!offsets->empty() && offsets->back() > frames->size())) {
    Napi::RangeError::New(env, "offsets do not fit the frames").ThrowAsJavaScriptException();
    return {};
  }
  std::vector<std::span<const std::byte>> list;
  for (std::size_t i = 1; i < offsets->size(); ++i)
    list.push_back(std::as_bytes(frames->subspan((*offsets)[i - 1], (*offsets)[i] - (*offsets)[i - 1])));
  const auto found = members_by_kernel_hash(list, info[2].ToNumber().Uint32Value());
  if (!found) {
    throw_sys_error(env, found.error());
    return {};
  }
  auto out = Napi::Array::New(env, found->size());
  for (std::uint32_t i = 0; i < found->size(); ++i) out.Set(i, (*found)[i]);
  return out;
}

}  // namespace

void export_kernel_hash(Napi::Env env, Napi::Object exports) {
  exports.Set("membersByKernelHash", Napi::Function::New(env, ask_kernel_hash, "membersByKernelHash"));
}

}  // namespace fanout::binding
