// The worker's msgpack for control messages: arrays, integers, text, bytes, booleans, null. A worker that loaded a JavaScript library for
// a dozen small messages would start 11 ms later, and a group starts as late as all its workers together.
#include <bit>
#include <cmath>
#include <string>

#include "bindings.hpp"
#include "convert.hpp"

namespace fanout::binding {
namespace {

constexpr unsigned depth_max = 8;

// ---- writing

void put_big_endian(std::string& out, std::uint64_t value, unsigned width) {
  for (unsigned i = width; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

void put_sized(std::string& out, std::uint8_t type8, std::size_t size) {
  const unsigned step = size <= 0xff ? 0 : size <= 0xffff ? 1 : 2;
  out.push_back(static_cast<char>(type8 + step));
  put_big_endian(out, size, 1U << step);
}

void put_unsigned(std::string& out, std::uint64_t value) {
  if (value < 0x80) return out.push_back(static_cast<char>(value));
  const unsigned step = value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
  out.push_back(static_cast<char>(0xcc + step));
  put_big_endian(out, value, 1U << step);
}

void put_double(std::string& out, double value) {
  constexpr double exact = 9007199254740992.0;  // 2^53
  if (value >= 0 && value <= exact && value == std::floor(value)) return put_unsigned(out, static_cast<std::uint64_t>(value));
  if (value < 0 && value >= -exact && value == std::floor(value)) {
    out.push_back(static_cast<char>(0xd3));
    return put_big_endian(out, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), 8);
  }
  out.push_back(static_cast<char>(0xcb));
  put_big_endian(out, std::bit_cast<std::uint64_t>(value), 8);
}

bool put_value(std::string& out, const Napi::Value& value, unsigned depth) {
  if (value.IsNull() || value.IsUndefined()) out.push_back(static_cast<char>(0xc0));
  else if (value.IsBoolean()) out.push_back(static_cast<char>(value.As<Napi::Boolean>().Value() ? 0xc3 : 0xc2));
  else if (value.IsNumber()) put_double(out, value.As<Napi::Number>().DoubleValue());
  else if (value.IsBigInt()) {
    // One that does not fit must not arrive as another number.
    bool lossless = false;
    const std::uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) return false;
    put_unsigned(out, number);
  }
  else if (value.IsString()) {
    const std::string text = value.As<Napi::String>().Utf8Value();
    if (text.size() < 32) out.push_back(static_cast<char>(0xa0 + text.size()));
    else put_sized(out, 0xd9, text.size());
    out += text;
  } else if (value.IsTypedArray()) {
    const auto bytes = bytes_of(value);
    put_sized(out, 0xc4, bytes.size());
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else if (value.IsArray() && depth < depth_max) {
    const auto list = value.As<Napi::Array>();
    if (list.Length() < 16) out.push_back(static_cast<char>(0x90 + list.Length()));
    else {
      out.push_back(static_cast<char>(0xdd));
      put_big_endian(out, list.Length(), 4);
    }
    for (std::uint32_t i = 0; i < list.Length(); ++i)
      if (!put_value(out, list.Get(i), depth + 1)) return false;
  } else return false;
  return true;
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  std::string out;
  if (!put_value(out, info[0], 0)) {
    throw_type_error(info.Env(), "only arrays, numbers of 64 bits, text, bytes, booleans and null can be sent");
    return info.Env().Undefined();
  }
  return Napi::Buffer<std::uint8_t>::Copy(info.Env(), reinterpret_cast<const std::uint8_t*>(out.data()), out.size());
}

// ---- reading

class Decoder {
 public:
  Decoder(Napi::Env env, std::span<const std::byte> bytes) : env_(env), bytes_(bytes) {}

  // Empty on malformed input.
  Napi::Value message() {
    const Napi::Value value = read(0);
    return offset_ == bytes_.size() ? value : Napi::Value{};
  }

 private:
  [[nodiscard]] std::size_t room() const { return bytes_.size() - offset_; }

  bool big_endian(unsigned width, std::uint64_t& value) {
    if (room() < width) return false;
    value = 0;
    for (unsigned i = 0; i < width; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes_[offset_++]);
    return true;
  }

  Napi::Value integer(std::uint64_t value) {
    if (value <= (std::uint64_t{1} << 53)) return number(env_, value);
    return Napi::BigInt::New(env_, value);
  }

  Napi::Value signed_integer(std::int64_t value) {
    if (value >= 0) return integer(static_cast<std::uint64_t>(value));
    constexpr std::int64_t exact = std::int64_t{1} << 53;
    if (value >= -exact) return Napi::Number::New(env_, static_cast<double>(value));
    return Napi::BigInt::New(env_, value);
  }

  Napi::Value text(std::uint64_t size) {
    if (room() < size) return {};
    offset_ += size;
    return Napi::String::New(env_, reinterpret_cast<const char*>(bytes_.data() + offset_ - size), size);
  }

  Napi::Value binary(std::uint64_t size) {
    if (room() < size) return {};
    offset_ += size;
    return Napi::Buffer<std::uint8_t>::Copy(env_, reinterpret_cast<const std::uint8_t*>(bytes_.data() + offset_ - size), size);
  }

  Napi::Value array(std::uint64_t size, unsigned depth) {
    // Each element takes a byte at least: a larger size is a lie.
    if (depth >= depth_max || size > room()) return {};
    auto list = Napi::Array::New(env_, size);
    for (std::uint32_t i = 0; i < size; ++i) {
      const Napi::Value element = read(depth + 1);
      if (element.IsEmpty()) return {};
      list.Set(i, element);
    }
    return list;
  }

  Napi::Value read(unsigned depth) {
    std::uint64_t type = 0;
    std::uint64_t n = 0;
    if (!big_endian(1, type)) return {};
    if (type < 0x80) return integer(type);
    if (type >= 0xe0) return Napi::Number::New(env_, static_cast<std::int8_t>(type));
    if ((type & 0xf0) == 0x90) return array(type & 0x0f, depth);
    if ((type & 0xe0) == 0xa0) return text(type & 0x1f);
    switch (type) {
      case 0xc0: return env_.Null();
      case 0xc2: case 0xc3: return Napi::Boolean::New(env_, type == 0xc3);
      case 0xc4: case 0xc5: case 0xc6: return big_endian(1U << (type - 0xc4), n) ? binary(n) : Napi::Value{};
      case 0xca: return big_endian(4, n) ? Napi::Number::New(env_, std::bit_cast<float>(static_cast<std::uint32_t>(n))) : Napi::Value{};
      case 0xcb: return big_endian(8, n) ? Napi::Number::New(env_, std::bit_cast<double>(n)) : Napi::Value{};
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return big_endian(1U << (type - 0xcc), n) ? integer(n) : Napi::Value{};
      case 0xd0: return big_endian(1, n) ? Napi::Number::New(env_, static_cast<std::int8_t>(n)) : Napi::Value{};
      case 0xd1: return big_endian(2, n) ? Napi::Number::New(env_, static_cast<std::int16_t>(n)) : Napi::Value{};
      case 0xd2: return big_endian(4, n) ? Napi::Number::New(env_, static_cast<std::int32_t>(n)) : Napi::Value{};
      case 0xd3: return big_endian(8, n) ? signed_integer(static_cast<std::int64_t>(n)) : Napi::Value{};
      case 0xd9: case 0xda: case 0xdb: return big_endian(1U << (type - 0xd9), n) ? text(n) : Napi::Value{};
      case 0xdc: case 0xdd: return big_endian(2U << (type - 0xdc), n) ? array(n, depth) : Napi::Value{};
      default: return {};
    }
  }

  Napi::Env env_;
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
};

// decode(bytes): the value, or undefined where the bytes are not one message of the types above.
Napi::Value decode(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) {
    throw_type_error(info.Env(), "decode needs bytes");
    return info.Env().Undefined();
  }
  const Napi::Value value = Decoder{info.Env(), bytes_of(info[0])}.message();
  return value.IsEmpty() ? info.Env().Undefined() : value;
}

}  // namespace

void export_message(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeMessage", Napi::Function::New<encode>(env));
  exports.Set("decodeMessage", Napi::Function::New<decode>(env));
}

}  // namespace fanout::binding
