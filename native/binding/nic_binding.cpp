// The simulated NIC: frames in, receive queues out.
#include "binding/nic_binding.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"

namespace fanout::binding {
namespace {

template <typename T>
using Named = std::pair<std::string_view, T>;

constexpr std::array<Named<InputTransform>, 3> transforms{{
    {"none", InputTransform::none},
    {"symmetric-xor", InputTransform::symmetric_xor},
    {"symmetric-or-xor", InputTransform::symmetric_or_xor},
}};
constexpr std::array<Named<std::uint8_t>, 6> kinds{{
    {"tcp4", ports_of_tcp4},
    {"udp4", ports_of_udp4},
    {"sctp4", ports_of_sctp4},
    {"tcp6", ports_of_tcp6},
    {"udp6", ports_of_udp6},
    {"sctp6", ports_of_sctp6},
}};

template <typename T, std::size_t N>
std::optional<T> named(Napi::Env env, const std::array<Named<T>, N>& names, const Napi::Value& value) {
  const std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  const auto found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == text; });
  if (found != names.end()) return found->second;
  throw_type_error(env, "\"" + text + "\" is unknown to the NIC");
  return std::nullopt;
}

std::optional<std::uint8_t> ports_from(Napi::Env env, const Napi::Value& value) {
  if (!value.IsArray()) {
    throw_type_error(env, "ports is not an array");
    return std::nullopt;
  }
  const auto array = value.As<Napi::Array>();
  std::uint8_t ports = 0;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const auto kind = named(env, kinds, array.Get(i));
    if (!kind) return std::nullopt;
    ports |= *kind;
  }
  return ports;
}

std::optional<NicSettings> settings_from(Napi::Env env, const Napi::Value& value) {
  if (!value.IsObject()) {
    throw_type_error(env, "Nic needs { key, transform, ports, table }");
    return std::nullopt;
  }
  const auto options = value.As<Napi::Object>();
  const auto key = typed_array<std::uint8_t>(env, options.Get("key"), napi_uint8_array, "key");
  if (!key) return std::nullopt;
  const auto table = typed_array<std::uint16_t>(env, options.Get("table"), napi_uint16_array, "table");
  if (!table) return std::nullopt;
  const auto transform = named(env, transforms, options.Get("transform"));
  if (!transform) return std::nullopt;
  const auto ports = ports_from(env, options.Get("ports"));
  if (!ports) return std::nullopt;
  if (key->size() < Toeplitz::key_bytes || table->empty()) {
    Napi::RangeError::New(env, "the key is too short, or the table is empty").ThrowAsJavaScriptException();
    return std::nullopt;
  }
  NicSettings settings;
  std::copy_n(key->begin(), settings.key.size(), settings.key.begin());
  settings.transform = *transform;
  settings.ports = *ports;
  settings.table.assign(table->begin(), table->end());
  return settings;
}

class NicObject final : public Napi::ObjectWrap<NicObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Nic", {InstanceMethod<&NicObject::spread>("spread")});
  }
  static constexpr napi_type_tag type_tag = {0x27c4e90b61fd4a83, 0xb05d3f8816ce47a2};

  explicit NicObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NicObject>(info) {
    auto settings = settings_from(info.Env(), info[0]);
    if (!settings) return;
    nic_ = std::make_shared<const Nic>(std::move(*settings));
    info.This().As<Napi::Object>().TypeTag(&type_tag);
  }

  [[nodiscard]] std::shared_ptr<const Nic> nic() const { return nic_; }

 private:
  // spread(frames, offsets): the queue of each frame.
  Napi::Value spread(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto frames = typed_array<std::uint8_t>(env, info[0], napi_uint8_array, "frames");
    if (!frames) return {};
    const auto offsets = typed_array<std::uint32_t>(env, info[1], napi_uint32_array, "offsets");
    if (!offsets) return {};
    const bool in_order = std::is_sorted(offsets->begin(), offsets->end());
    if (!in_order || (!offsets->empty() && offsets->back() > frames->size())) {
      Napi::RangeError::New(env, "offsets do not fit the frames").ThrowAsJavaScriptException();
      return {};
    }
    const std::size_t count = offsets->empty() ? 0 : offsets->size() - 1;
    auto queues = Napi::Uint16Array::New(env, count);
    for (std::size_t i = 0; i < count; ++i) {
      queues[i] = nic_->queue_of(std::as_bytes(frames->subspan((*offsets)[i], (*offsets)[i + 1] - (*offsets)[i])));
    }
    return queues;
  }

  std::shared_ptr<const Nic> nic_;
};

}  // namespace

void export_nic(Napi::Env env, Napi::Object exports) { exports.Set("Nic", NicObject::define(env)); }

std::shared_ptr<const Nic> nic_from(Napi::Env env, const Napi::Value& value) {
  if (value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&NicObject::type_tag))
    return NicObject::Unwrap(value.As<Napi::Object>())->nic();
  throw_type_error(env, "this is not a Nic");
  return nullptr;
}

}  // namespace fanout::binding
