// The worker's msgpack for control messages. A worker that loaded a JavaScript library for a dozen small messages would
// start 11 ms later, and a group starts as late as all its workers together.
#include <string>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "core/wire/msgpack.hpp"

namespace fanout::binding {
namespace {

using msgpack::Kind;

// False for what cannot be sent.
bool put(msgpack::Writer& out, const Napi::Value& value, unsigned depth = 0) {
  if (value.IsNull() || value.IsUndefined())
    out.null();
  else if (value.IsBoolean())
    out.boolean(value.As<Napi::Boolean>().Value());
  else if (value.IsNumber())
    out.real(value.As<Napi::Number>().DoubleValue());
  else if (value.IsBigInt()) {
    // One that does not fit must not arrive as another number.
    bool lossless = false;
    const std::uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) return false;
    out.natural(number);
  } else if (value.IsString())
    out.text(value.As<Napi::String>().Utf8Value());
  else if (value.IsTypedArray())
    out.bytes(bytes_of(value));
  else if (value.IsArray() && depth < msgpack::depth_max) {
    const auto list = value.As<Napi::Array>();
    const std::uint32_t count = list.Length();
    out.array(count);
    for (std::uint32_t i = 0; i < count; ++i)
      if (!put(out, list.Get(i), depth + 1)) return false;
  } else
    return false;
  return true;
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  msgpack::Writer out;
  if (!put(out, info[0])) {
    throw_type_error(info.Env(), "only arrays, numbers of 64 bits, text, bytes, booleans and null can be sent");
    return info.Env().Undefined();
  }
  const std::string& message = out.message();
  return Napi::Buffer<std::uint8_t>::Copy(info.Env(), reinterpret_cast<const std::uint8_t*>(message.data()),
                                          message.size());
}

// Integers that a JavaScript number may not hold exactly become a BigInt.
class Builder {
 public:
  using Built = Napi::Value;
  explicit Builder(Napi::Env env) : env_(env) {}

  [[nodiscard]] Napi::Value leaf(const msgpack::Value& value) const {
    constexpr std::uint64_t exact = std::uint64_t{1} << 53;
    switch (value.kind) {
      case Kind::boolean:
        return Napi::Boolean::New(env_, value.number != 0);
      case Kind::natural:
        if (value.number > exact) return Napi::BigInt::New(env_, value.number);
        return number(env_, value.number);
      case Kind::negative: {
        const auto negative = static_cast<std::int64_t>(value.number);
        if (negative < -static_cast<std::int64_t>(exact)) return Napi::BigInt::New(env_, negative);
        return Napi::Number::New(env_, static_cast<double>(negative));
      }
      case Kind::real:
        return Napi::Number::New(env_, value.real);
      case Kind::text:
        return Napi::String::New(env_, reinterpret_cast<const char*>(value.octets.data()), value.octets.size());
      case Kind::bytes:
        return Napi::Buffer<std::uint8_t>::Copy(env_, reinterpret_cast<const std::uint8_t*>(value.octets.data()),
                                                value.octets.size());
      case Kind::null:
      case Kind::array:
        break;
    }
    return env_.Null();
  }

  [[nodiscard]] Napi::Value array(std::uint32_t count) const { return Napi::Array::New(env_, count); }
  void set(Napi::Value& array, std::uint32_t index, const Napi::Value& element) const {
    array.As<Napi::Array>().Set(index, element);
  }

 private:
  Napi::Env env_;
};

// decode(bytes): the value, or undefined where the bytes are not one message of the types above.
Napi::Value decode(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) {
    throw_type_error(info.Env(), "decode needs bytes");
    return info.Env().Undefined();
  }
  msgpack::Reader reader{bytes_of(info[0])};
  Builder builder{info.Env()};
  const std::optional<Napi::Value> value = msgpack::build(reader, builder);
  return value && reader.at_end() ? *value : info.Env().Undefined();
}

}  // namespace

void export_message(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeMessage", Napi::Function::New<encode>(env));
  exports.Set("decodeMessage", Napi::Function::New<decode>(env));
}

}  // namespace fanout::binding
