// Between JavaScript values and the core's: conversion only. Options were validated in TypeScript, so a wrong type here is a defect
// and throws TypeError.
#pragma once

#include <napi.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "result.hpp"

namespace fanout::binding {

// A JavaScript Error with `call` and `errno`, which native.ts turns into a FanoutError.
inline void throw_sys_error(Napi::Env env, const SysError& error) {
  const Napi::Error thrown = Napi::Error::New(env, std::string{error.call} + ": " + std::strerror(error.code));
  thrown.Set("call", Napi::String::New(env, error.call));
  thrown.Set("errno", Napi::Number::New(env, error.code));
  thrown.ThrowAsJavaScriptException();
}

inline void throw_type_error(Napi::Env env, const std::string& message) { Napi::TypeError::New(env, message).ThrowAsJavaScriptException(); }

inline std::uint32_t uint32_of(const Napi::Object& options, const char* name) { return options.Get(name).ToNumber().Uint32Value(); }
inline bool bool_of(const Napi::Object& options, const char* name) { return options.Get(name).ToBoolean().Value(); }

inline std::uint64_t uint64_of(const Napi::Value& value) {
  bool lossless = false;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : static_cast<std::uint64_t>(value.ToNumber().Int64Value());
}

inline std::span<const std::byte> bytes_of(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const std::byte*>(array.Data()), array.ByteLength()};
}

// Counters stay below 2^53 for centuries of packets.
inline Napi::Number number(Napi::Env env, std::uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

template <typename Range, typename Convert>
Napi::Array array_of(Napi::Env env, const Range& range, Convert&& convert) {
  auto out = Napi::Array::New(env, std::size(range));
  std::uint32_t i = 0;
  for (const auto& element : range) out.Set(i++, convert(element));
  return out;
}

}  // namespace fanout::binding
