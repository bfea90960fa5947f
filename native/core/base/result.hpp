// A value, or the system call that failed and why. The core is built without exceptions.
#pragma once

#include <cerrno>
#include <utility>
#include <variant>

namespace fanout {

// `call` is a string literal: the name of the system call or socket option, as its man page spells it.
struct SysError {
  const char* call = "";
  int code = 0;

  // errno must be read before anything else can run.
  [[nodiscard]] static SysError from_errno(const char* call) noexcept { return SysError{call, errno}; }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) noexcept : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(SysError error) noexcept : state_(std::in_place_index<1>, error) {}      // NOLINT(google-explicit-constructor)

  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] T& operator*() noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& operator*() const noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] SysError error() const noexcept { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, SysError> state_;
};

struct Done {};
using Status = Result<Done>;

}  // namespace fanout
