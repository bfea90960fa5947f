// A multi-queue TAP of the lab.
#include "binding/tap_binding.hpp"

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"

namespace fanout::binding {
namespace {

constexpr std::size_t tap_frame_max = 65536 + 18;

std::vector<UniqueFd> descriptors_from(const Napi::Array& list) {
  std::vector<UniqueFd> out;
  for (std::uint32_t i = 0; i < list.Length(); ++i)
    out.emplace_back(static_cast<int>(list.Get(i).ToNumber().Int32Value()));
  return out;
}

// Throws and returns nothing if the options or the kernel do not allow it.
std::optional<Tap> open_tap(Napi::Env env, const Napi::Value& value) {
  const auto handed = value.IsObject() ? property(value.As<Napi::Object>(), "descriptors") : std::nullopt;
  if (handed && handed->IsArray()) {
    auto adopted = Tap::adopt(descriptors_from(handed->As<Napi::Array>()));
    if (adopted) return std::move(*adopted);
    throw_sys_error(env, adopted.error());
    return std::nullopt;
  }
  const auto name = value.IsObject() ? property(value.As<Napi::Object>(), "name") : std::nullopt;
  if (!name || !name->IsString()) {
    throw_type_error(env, "Tap needs { name, queues }");
    return std::nullopt;
  }
  const auto queues = property(value.As<Napi::Object>(), "queues");
  const auto count = queues ? integer_in(env, *queues, "queues", 1, static_cast<double>(Tap::queues_max)) : 1.0;
  if (!count) return std::nullopt;
  auto tap = Tap::open(name->As<Napi::String>().Utf8Value(), static_cast<std::size_t>(*count));
  if (tap) return std::move(*tap);
  throw_sys_error(env, tap.error());
  return std::nullopt;
}

class TapObject final : public Napi::ObjectWrap<TapObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Tap",
        {InstanceAccessor<&TapObject::name>("name"), InstanceAccessor<&TapObject::queues>("queues"),
         InstanceAccessor<&TapObject::descriptors>("descriptors"), InstanceMethod<&TapObject::write>("write"),
         InstanceMethod<&TapObject::read>("read"), InstanceMethod<&TapObject::close>("close")});
  }
  static constexpr napi_type_tag type_tag = {0x6f1d0b3c54e24a11, 0x9a77c3d2e8b64f05};

  explicit TapObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TapObject>(info) {
    const Napi::Env env = info.Env();
    auto tap = open_tap(env, info[0]);
    if (!tap) return;
    tap_ = std::make_shared<Tap>(std::move(*tap));
    // Marks the object as ours, so that nobody hands over another one and has it unwrapped.
    info.This().As<Napi::Object>().TypeTag(&type_tag);
  }

  // Shared with the injectors that use it: closing the object while one is sending does not pull the descriptors away.
  [[nodiscard]] std::shared_ptr<Tap> tap() const { return tap_; }

 private:
  Napi::Value name(const Napi::CallbackInfo& info) {
    return tap_ ? Napi::String::New(info.Env(), tap_->name()) : info.Env().Undefined();
  }
  Napi::Value queues(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), tap_ ? static_cast<double>(tap_->queue_count()) : 0);
  }

  Napi::Value descriptors(const Napi::CallbackInfo& info) {
    auto out = Napi::Array::New(info.Env());
    const std::size_t count = tap_ ? tap_->queue_count() : 0;
    for (std::size_t q = 0; q < count; ++q) out.Set(static_cast<std::uint32_t>(q), tap_->descriptor(q));
    return out;
  }

  std::optional<std::uint16_t> open_queue(const Napi::CallbackInfo& info) {
    if (!tap_) {
      throw_sys_error(info.Env(), {"tap", EBADF});
      return std::nullopt;
    }
    const auto queue = integer_in(info.Env(), info[0], "queue", 0, static_cast<double>(tap_->queue_count() - 1));
    if (!queue) return std::nullopt;
    return static_cast<std::uint16_t>(*queue);
  }

  // write(queue, frame): false if the kernel had no room just now.
  Napi::Value write(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto queue = open_queue(info);
    if (!queue) return {};
    const auto frame = typed_array<std::uint8_t>(env, info[1], napi_uint8_array, "frame");
    if (!frame) return {};
    const OutgoingFrame out{std::as_bytes(*frame), *queue};
    const auto taken = tap_->send({&out, 1});
    if (!taken) {
      throw_sys_error(env, taken.error());
      return {};
    }
    return Napi::Boolean::New(env, taken->frames == 1);
  }

  // read(queue): a frame that the kernel sent out of the interface, or null.
  Napi::Value read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto queue = open_queue(info);
    if (!queue) return {};
    std::vector<std::byte> buffer(tap_frame_max);
    const auto length = tap_->read(*queue, buffer);
    if (!length) {
      throw_sys_error(env, length.error());
      return {};
    }
    if (*length == 0) return env.Null();
    auto frame = Napi::Uint8Array::New(env, *length);
    std::memcpy(frame.Data(), buffer.data(), *length);
    return frame;
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    tap_.reset();
    return info.Env().Undefined();
  }

  std::shared_ptr<Tap> tap_;
};

}  // namespace

void export_tap(Napi::Env env, Napi::Object exports) { exports.Set("Tap", TapObject::define(env)); }

std::shared_ptr<Tap> tap_from(Napi::Env env, const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&TapObject::type_tag)) {
    throw_type_error(env, "tap is not a Tap");
    return nullptr;
  }
  auto open = TapObject::Unwrap(value.As<Napi::Object>())->tap();
  if (!open) throw_sys_error(env, {"tap", EBADF});
  return open;
}

}  // namespace fanout::binding
