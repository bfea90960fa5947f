// This process: what replaces it, how it ends, who may look into it, and its clock.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "core/base/deadly_call.hpp"
#include "host/privileges.hpp"
#include "host/unreadable_program.hpp"

namespace fanout::binding {
namespace {

std::optional<std::vector<std::string>> strings_from(Napi::Env env, const Napi::Value& value, const char* name) {
  if (!value.IsArray()) {
    throw_type_error(env, std::string{name} + " is not an array");
    return std::nullopt;
  }
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> out;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array.Get(i);
    // A zero byte would cut the string short on its way into the kernel.
    if (!element.IsString() || element.As<Napi::String>().Utf8Value().find('\0') != std::string::npos) {
      throw_type_error(env, std::string{name} + " holds something else than plain strings");
      return std::nullopt;
    }
    out.push_back(element.As<Napi::String>().Utf8Value());
  }
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

// exec({ file, argv, env, newNetwork, surrender, keep }): replaces this process, or throws. `file` is looked up in PATH
// if it has no slash; `env` is a list of "NAME=value". The descriptors in `keep` stay open. With surrender, what comes
// then has no capability and can gain none. With newNetwork, first into a network namespace of its own. unshare(2)
// moves the calling thread alone, and execve(2) leaves this thread as the only one of the process, so all of the
// process arrives there together.
Napi::Value exec(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) {
    throw_type_error(env, "exec needs { file, argv, env }");
    return {};
  }
  const auto options = info[0].As<Napi::Object>();
  const Napi::Value file = options.Get("file");
  if (!file.IsString()) {
    throw_type_error(env, "file is not a string");
    return {};
  }
  auto argv = strings_from(env, options.Get("argv"), "argv");
  if (!argv) return {};
  auto variables = strings_from(env, options.Get("env"), "env");
  if (!variables) return {};
  if (const auto fresh = property(options, "newNetwork"); fresh && fresh->ToBoolean().Value()) {
    const bool is_refused = is_deadly(SYS_unshare);
    if (is_refused || ::unshare(CLONE_NEWNET) != 0) {
      throw_sys_error(env, is_refused ? SysError{"unshare", EPERM} : SysError::from_errno("unshare"));
      return {};
    }
  }
  // Node opens everything close-on-exec; the standard streams must survive nevertheless.
  std::vector<int> kept{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  if (const auto keep = property(options, "keep"); keep && keep->IsArray()) {
    const auto list = keep->As<Napi::Array>();
    for (std::uint32_t i = 0; i < list.Length(); ++i) kept.push_back(list.Get(i).ToNumber().Int32Value());
  }
  for (const int fd : kept) {
    if (const int flags = ::fcntl(fd, F_GETFD); flags >= 0) ::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
  }
  if (const auto surrender = property(options, "surrender"); surrender && surrender->ToBoolean().Value()) {
    if (const auto gone = surrender_capabilities(); !gone) {
      throw_sys_error(env, gone.error());
      return {};
    }
  }
  ::execvpe(file.As<Napi::String>().Utf8Value().c_str(), pointers_to(*argv).data(), pointers_to(*variables).data());
  throw_sys_error(env, SysError::from_errno("execve"));
  return {};
}

// unreadableProgram(): { descriptor, isLoader }
Napi::Value make_unreadable_program(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto program = unreadable_program();
  if (!program) {
    throw_sys_error(env, program.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  out.Set("descriptor", program->file.release());
  out.Set("isLoader", program->is_loader);
  return out;
}

Napi::Value hide(const Napi::CallbackInfo& info) { return done_or_throw(info.Env(), hide_from_user()); }

// SO_PEERCRED of a Unix socket: the kernel's word on who connected (unix(7)).
Napi::Value peer_credentials(const Napi::CallbackInfo& info) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(info[0].ToNumber().Int32Value(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    throw_sys_error(info.Env(), SysError::from_errno("getsockopt(SO_PEERCRED)"));
    return info.Env().Undefined();
  }
  auto out = Napi::Object::New(info.Env());
  out.Set("pid", credentials.pid);
  out.Set("uid", static_cast<double>(credentials.uid));
  out.Set("gid", static_cast<double>(credentials.gid));
  return out;
}

// signalAtParentsEnd(signal, parent): the kernel sends this process the signal when its parent ends, whatever state
// either is in (prctl(2)). False if the parent is gone already.
Napi::Value signal_at_parents_end(const Napi::CallbackInfo& info) {
  if (::prctl(PR_SET_PDEATHSIG, info[0].ToNumber().Int32Value()) != 0) {
    throw_sys_error(info.Env(), SysError::from_errno("prctl(PR_SET_PDEATHSIG)"));
    return info.Env().Undefined();
  }
  return Napi::Boolean::New(info.Env(), ::getppid() == info[1].ToNumber().Int32Value());
}

// _exit(2): ends a process that has nothing left to say, without taking its JavaScript world apart first.
Napi::Value exit_now(const Napi::CallbackInfo& info) { ::_exit(info[0].ToNumber().Int32Value()); }

// CLOCK_REALTIME in nanoseconds: the clock of the ring's time stamps.
Napi::Value realtime_ns(const Napi::CallbackInfo& info) {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return Napi::BigInt::New(
      info.Env(), static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(t.tv_nsec));
}

}  // namespace

void export_process(Napi::Env env, Napi::Object exports) {
  exports.Set("exec", Napi::Function::New(env, exec, "exec"));
  exports.Set("unreadableProgram", Napi::Function::New<make_unreadable_program>(env));
  exports.Set("hideFromUser", Napi::Function::New<hide>(env));
  exports.Set("peerCredentials", Napi::Function::New<peer_credentials>(env));
  exports.Set("signalAtParentsEnd", Napi::Function::New<signal_at_parents_end>(env));
  exports.Set("exitNow", Napi::Function::New<exit_now>(env));
  exports.Set("realtimeNs", Napi::Function::New<realtime_ns>(env));
}

}  // namespace fanout::binding
