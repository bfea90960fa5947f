#include "binding/lab_binding.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/convert.hpp"
#include "core/base/deadly_call.hpp"
#include "binding/frame_collector_binding.hpp"
#include "lab/inject.hpp"
#include "lab/kernel_hash.hpp"
#include "core/packet/lab_tag.hpp"
#include "binding/nic_binding.hpp"
#include "lab/packet_sender.hpp"
#include "host/privileges.hpp"
#include "lab/tap.hpp"

namespace {

using namespace fanout;
using namespace fanout::binding;

constexpr double safe_integer_max = 9007199254740991.0;
constexpr double burst_max = 1e9;
constexpr std::size_t tap_frame_max = 65536 + 18;

std::vector<UniqueFd> descriptors_from(const Napi::Array& list) {
  std::vector<UniqueFd> out;
  for (std::uint32_t i = 0; i < list.Length(); ++i) out.emplace_back(static_cast<int>(list.Get(i).ToNumber().Int32Value()));
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
    return DefineClass(env, "Tap",
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
    // Marks the object as ours, so that an Injector cannot be handed another one and unwrap it.
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

std::shared_ptr<FrameSink> sink_from(Napi::Env env, const Napi::Object& options) {
  if (const auto tap = property(options, "tap")) {
    if (!tap->IsObject() || !tap->As<Napi::Object>().CheckTypeTag(&TapObject::type_tag)) {
      throw_type_error(env, "tap is not a Tap");
      return nullptr;
    }
    auto open = TapObject::Unwrap(tap->As<Napi::Object>())->tap();
    if (!open) throw_sys_error(env, {"tap", EBADF});
    return open;
  }
  const auto name = property(options, "interface");
  if (!name || !name->IsString()) {
    throw_type_error(env, "an Injector needs a tap or the name of an interface");
    return nullptr;
  }
  const std::string interface = name->As<Napi::String>().Utf8Value();
  const auto socket = property(options, "socket");
  auto sender = socket ? PacketSender::over(UniqueFd{static_cast<int>(socket->ToNumber().Int32Value())}, interface)
                       : PacketSender::open(interface);
  if (!sender) {
    throw_sys_error(env, sender.error());
    return nullptr;
  }
  return std::make_shared<PacketSender>(std::move(*sender));
}

template <typename To, typename From>
bool copy_array(Napi::Env env, const Napi::Object& options, const char* name, napi_typedarray_type type, std::vector<To>& out) {
  const auto value = property(options, name);
  if (!value) return true;
  const auto elements = typed_array<From>(env, *value, type, name);
  if (!elements) return false;
  out.resize(elements->size());
  if (!elements->empty()) std::memcpy(out.data(), elements->data(), elements->size_bytes());
  return true;
}

// Copies: the sending thread writes sequence numbers into its frames, and JavaScript may detach or change its buffers meanwhile.
std::shared_ptr<FrameSet> frames_from(Napi::Env env, const Napi::Object& options, std::size_t queue_count) {
  auto set = std::make_shared<FrameSet>();
  // Those of a collector come with refill().
  if (!property(options, "frames")) return set;
  const bool copied = copy_array<std::byte, std::uint8_t>(env, options, "frames", napi_uint8_array, set->bytes) &&
                      copy_array<std::uint32_t, std::uint32_t>(env, options, "offsets", napi_uint32_array, set->offsets) &&
                      copy_array<std::uint16_t, std::uint16_t>(env, options, "queues", napi_uint16_array, set->queues) &&
                      copy_array<std::uint16_t, std::uint16_t>(env, options, "tags", napi_uint16_array, set->tags);
  if (!copied) return nullptr;
  if (const char* problem = set->problem(queue_count)) {
    Napi::RangeError::New(env, problem).ThrowAsJavaScriptException();
    return nullptr;
  }
  return set;
}

std::optional<InjectPlan> plan_from(Napi::Env env, const Napi::Value& value) {
  InjectPlan plan;
  if (value.IsUndefined()) return plan;
  if (!value.IsObject()) {
    throw_type_error(env, "the plan is not an object");
    return std::nullopt;
  }
  const auto options = value.As<Napi::Object>();
  if (const auto rounds = property(options, "rounds")) {
    const auto number = integer_in(env, *rounds, "rounds", 0, safe_integer_max);
    if (!number) return std::nullopt;
    plan.rounds = static_cast<std::uint64_t>(*number);
  }
  if (const auto rate = property(options, "packetsPerSecond")) {
    const auto number = number_in(env, *rate, "packetsPerSecond", 0, 1e9);
    if (!number) return std::nullopt;
    // Slower than one packet in 1000 s is a mistake, and would overflow the schedule.
    plan.packets_per_second = *number > 0 ? std::max(*number, 1e-3) : 0;
  }
  if (const auto cpu = property(options, "cpu")) {
    const auto number = integer_in(env, *cpu, "cpu", 0, CPU_SETSIZE - 1);
    if (!number) return std::nullopt;
    plan.cpu = static_cast<unsigned>(*number);
  }
  if (const auto burst = property(options, "burst")) {
    const auto number = integer_in(env, *burst, "burst", 1, burst_max);
    if (!number) return std::nullopt;
    plan.burst = static_cast<std::uint32_t>(*number);
  }
  if (const auto cpus = property(options, "queueCpus")) {
    if (!cpus->IsArray()) {
      throw_type_error(env, "queueCpus is not an array");
      return std::nullopt;
    }
    const auto list = cpus->As<Napi::Array>();
    for (std::uint32_t i = 0; i < list.Length(); ++i) {
      const auto number = integer_in(env, list.Get(i), "queueCpus", 0, CPU_SETSIZE - 1);
      if (!number) return std::nullopt;
      plan.queue_cpus.push_back(static_cast<unsigned>(*number));
    }
  }
  return plan;
}

// Life: while a run is on, the object holds itself, the thread-safe function holds the event loop, and a clean-up hook of the
// environment stands ready. Hooks run in reverse order, so ours, which stops and joins the thread, runs before the one that
// frees the thread-safe function: the thread never calls into a freed one, also when a worker_thread is terminated mid-send.
class InjectorObject final : public Napi::ObjectWrap<InjectorObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Injector",
        {InstanceMethod<&InjectorObject::run>("run"), InstanceMethod<&InjectorObject::stop>("stop"),
         InstanceMethod<&InjectorObject::refill>("refill"), InstanceAccessor<&InjectorObject::counters>("counters")});
  }

  explicit InjectorObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<InjectorObject>(info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsObject()) {
      throw_type_error(env, "Injector needs { frames, offsets, tap or interface }");
      return;
    }
    const auto options = info[0].As<Napi::Object>();
    auto sink = sink_from(env, options);
    if (!sink) return;
    auto frames = frames_from(env, options, sink->queue_count());
    if (!frames) return;
    injector_ = std::make_unique<Injector>(std::move(frames));
    sink_ = sink;
    // A packet socket is ours. A TAP is not: it goes when its owner closes it, unless a run is using it.
    if (!property(options, "tap")) own_sink_ = std::move(sink);
  }

  ~InjectorObject() override {
    if (pending_) napi_remove_env_cleanup_hook(Env(), &InjectorObject::on_teardown, this);
    injector_.reset();
  }

 private:
  static void on_run_ended(Napi::Env env, Napi::Function callback, InjectorObject* self, void* data);
  using Completion = Napi::TypedThreadSafeFunction<InjectorObject, void, &InjectorObject::on_run_ended>;

  // Environment thread, at its end: on_run_ended() will not be given a usable environment any more.
  static void on_teardown(void* self) {
    auto& injector = *static_cast<InjectorObject*>(self)->injector_;
    injector.request_stop();
    injector.join();
  }

  // refill(collector): takes over what it has collected, in place of what was sent before; the collector goes on with that
  // memory.
  Napi::Value refill(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    FrameCollector* const collector = frame_collector_from(env, info[0]);
    if (collector == nullptr) return {};
    if (pending_) {
      Napi::Error::New(env, "this injector is running").ThrowAsJavaScriptException();
      return {};
    }
    collector->take_segment(injector_->frames());
    return env.Undefined();
  }

  // run(plan): a promise of the report, rejected with the failure that ended the run.
  Napi::Value run(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (pending_) {
      Napi::Error::New(env, "this injector is running").ThrowAsJavaScriptException();
      return {};
    }
    const auto plan = plan_from(env, info[0]);
    if (!plan) return {};
    auto sink = sink_.lock();
    if (!sink) {
      throw_sys_error(env, {"tap", EBADF});
      return {};
    }
    if (const char* problem = injector_->frames().problem(sink->queue_count())) {
      Napi::RangeError::New(env, problem).ThrowAsJavaScriptException();
      return {};
    }
    auto completion = Completion::New(env, "lab-inject", 1, 1, this);
    const Status started = injector_->start(std::move(sink), *plan, [completion]() mutable {
      (void)completion.NonBlockingCall();
      (void)completion.Release();
    });
    if (!started) {
      (void)completion.Release();
      throw_sys_error(env, started.error());
      return {};
    }
    napi_add_env_cleanup_hook(env, &InjectorObject::on_teardown, this);
    Ref();
    pending_.emplace(Napi::Promise::Deferred::New(env));
    return pending_->Promise();
  }

  void settle(Napi::Env env) {
    injector_->join();
    napi_remove_env_cleanup_hook(env, &InjectorObject::on_teardown, this);
    const Napi::Promise::Deferred deferred = *std::exchange(pending_, std::nullopt);
    if (injector_->failure().code != 0)
      deferred.Reject(make_sys_error(env, injector_->failure()).Value());
    else
      deferred.Resolve(report(env));
    Unref();
  }

  Napi::Object report(Napi::Env env) const {
    const InjectCounters now = injector_->counters();
    auto out = Napi::Object::New(env);
    out.Set("packets", static_cast<double>(now.packets));
    out.Set("bytes", static_cast<double>(now.bytes));
    out.Set("retries", static_cast<double>(now.retries));
    out.Set("elapsedMs", static_cast<double>(now.elapsed_ns) / 1e6);
    if (!pending_) out.Set("stopped", injector_->stopped());
    return out;
  }

  Napi::Value counters(const Napi::CallbackInfo& info) { return report(info.Env()); }

  Napi::Value stop(const Napi::CallbackInfo& info) {
    injector_->request_stop();
    return info.Env().Undefined();
  }

  std::unique_ptr<Injector> injector_;
  std::weak_ptr<FrameSink> sink_;
  std::shared_ptr<FrameSink> own_sink_;
  std::optional<Napi::Promise::Deferred> pending_;
};

void InjectorObject::on_run_ended(Napi::Env env, Napi::Function, InjectorObject* self, void*) {
  // No environment: it is being torn down, and the object may be gone.
  if (static_cast<napi_env>(env) == nullptr) return;
  const Napi::HandleScope scope{env};
  self->settle(env);
}

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

// exec({ file, argv, env, newNetwork, surrender, keep }): replaces this process, or throws. `file` is looked up in PATH if it has
// no slash; `env` is a list of "NAME=value". The descriptors in `keep` stay open. With surrender, what comes then has no
// capability and can gain none. With newNetwork, first into a network namespace of its own. unshare(2) moves the calling thread
// alone, and execve(2) leaves this thread as the only one of the process, so all of the process arrives there together.
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

Napi::Object lab_tag_layout(Napi::Env env) {
  auto out = Napi::Object::New(env);
  out.Set("magic", static_cast<double>(lab_tag::magic));
  out.Set("bytes", static_cast<double>(lab_tag::bytes));
  out.Set("flowOffset", static_cast<double>(lab_tag::flow_offset));
  out.Set("directionOffset", static_cast<double>(lab_tag::direction_offset));
  out.Set("guardKindOffset", static_cast<double>(lab_tag::guard_kind_offset));
  out.Set("sequenceOffset", static_cast<double>(lab_tag::sequence_offset));
  out.Set("guardOffset", static_cast<double>(lab_tag::guard_offset));
  return out;
}

// membersByKernelHash(frames, offsets, members): for each frame the member that a group of so many would choose, by the kernel itself.
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

void export_lab(Napi::Env env, Napi::Object exports) {
  exports.Set("Tap", TapObject::define(env));
  exports.Set("Injector", InjectorObject::define(env));
  exports.Set("FrameCollector", fanout::binding::define_frame_collector(env));
  exports.Set("Nic", fanout::binding::define_nic(env));
  exports.Set("exec", Napi::Function::New(env, exec, "exec"));
  exports.Set("membersByKernelHash", Napi::Function::New(env, ask_kernel_hash, "membersByKernelHash"));
  exports.Set("labTag", lab_tag_layout(env));
}
