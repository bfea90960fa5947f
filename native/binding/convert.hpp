// Between JavaScript values and ours. Exceptions are disabled: after a throw_... the caller returns at once.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout::binding {

// An Error that says which call failed and why, as the properties `call` and `errno` (positive, as in errno.h).
inline Napi::Error make_sys_error(Napi::Env env, SysError error) {
  const Napi::Error out = Napi::Error::New(env, std::string{error.call} + ": " + std::strerror(error.code));
  out.Value().Set("call", error.call);
  out.Value().Set("errno", error.code);
  return out;
}

inline void throw_sys_error(Napi::Env env, SysError error) { make_sys_error(env, error).ThrowAsJavaScriptException(); }

inline void throw_type_error(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

inline Napi::Value done_or_throw(Napi::Env env, const Status& status) {
  if (!status) throw_sys_error(env, status.error());
  return env.Undefined();
}

// The caller owns what it is given: closing it is its affair.
inline Napi::Value descriptor_or_throw(Napi::Env env, Result<UniqueFd> fd) {
  if (!fd) {
    throw_sys_error(env, fd.error());
    return env.Undefined();
  }
  return Napi::Number::New(env, fd->release());
}

// The property, or nothing if it is absent or undefined.
inline std::optional<Napi::Value> property(const Napi::Object& object, const char* name) {
  const Napi::MaybeOrValue<Napi::Value> value = object.Get(name);
  if (value.IsEmpty() || value.IsUndefined()) return std::nullopt;
  return value;
}

// A finite number between the bounds; throws RangeError and returns nothing otherwise.
inline std::optional<double> number_in(Napi::Env env, const Napi::Value& value, const char* name, double min,
                                       double max) {
  const double number =
      value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::numeric_limits<double>::quiet_NaN();
  if (number >= min && number <= max) return number;
  Napi::RangeError::New(env, std::string{name} + " is not a number in its range").ThrowAsJavaScriptException();
  return std::nullopt;
}

inline std::optional<double> integer_in(Napi::Env env, const Napi::Value& value, const char* name, double min,
                                        double max) {
  const auto number = number_in(env, value, name, min, max);
  if (!number || std::trunc(*number) == *number) return number;
  Napi::RangeError::New(env, std::string{name} + " is not an integer").ThrowAsJavaScriptException();
  return std::nullopt;
}

// The elements of a typed array of exactly this element type, where they are; throws TypeError and returns nothing
// otherwise.
template <typename T>
std::optional<std::span<const T>> typed_array(Napi::Env env, const Napi::Value& value, napi_typedarray_type type,
                                              const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw_type_error(env, std::string{name} + " is not the typed array it should be");
    return std::nullopt;
  }
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  return std::span<const T>{array.Data(), array.ElementLength()};
}

// The rest reads options that TypeScript has validated: a wrong type would be a defect there.

inline std::uint32_t uint32_of(const Napi::Object& options, const char* name) {
  return options.Get(name).ToNumber().Uint32Value();
}
inline bool bool_of(const Napi::Object& options, const char* name) { return options.Get(name).ToBoolean().Value(); }

inline std::uint64_t uint64_of(const Napi::Value& value) {
  bool lossless = false;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless)
                          : static_cast<std::uint64_t>(value.ToNumber().Int64Value());
}

inline std::span<const std::byte> bytes_of(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const std::byte*>(array.Data()), array.ByteLength()};
}

// Counters stay below 2^53 for centuries of packets.
inline Napi::Number number(Napi::Env env, std::uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

template <typename Range, typename Convert>
Napi::Array array_of(Napi::Env env, const Range& range, Convert&& convert) {
  auto out = Napi::Array::New(env, std::size(range));
  std::uint32_t i = 0;
  for (const auto& element : range) out.Set(i++, convert(element));
  return out;
}

}  // namespace fanout::binding
