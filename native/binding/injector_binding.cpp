// Sends frames from a thread of its own.
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/frame_collector_binding.hpp"
#include "binding/tap_binding.hpp"
#include "lab/inject.hpp"
#include "lab/packet_sender.hpp"

namespace fanout::binding {
namespace {

constexpr double safe_integer_max = 9007199254740991.0;
constexpr double burst_max = 1e9;

std::shared_ptr<FrameSink> sink_from(Napi::Env env, const Napi::Object& options) {
  if (const auto tap = property(options, "tap")) return tap_from(env, *tap);
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
bool copy_array(Napi::Env env, const Napi::Object& options, const char* name, napi_typedarray_type type,
                std::vector<To>& out) {
  const auto value = property(options, name);
  if (!value) return true;
  const auto elements = typed_array<From>(env, *value, type, name);
  if (!elements) return false;
  out.resize(elements->size());
  if (!elements->empty()) std::memcpy(out.data(), elements->data(), elements->size_bytes());
  return true;
}

// Copies: the sending thread writes sequence numbers into its frames, and JavaScript may detach or change its buffers
// meanwhile.
std::shared_ptr<FrameSet> frames_from(Napi::Env env, const Napi::Object& options, std::size_t queue_count) {
  auto set = std::make_shared<FrameSet>();
  // Those of a collector come with refill().
  if (!property(options, "frames")) return set;
  const bool copied =
      copy_array<std::byte, std::uint8_t>(env, options, "frames", napi_uint8_array, set->bytes) &&
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

// Life: while a run is on, the object holds itself, the thread-safe function holds the event loop, and a clean-up hook
// of the environment stands ready. Hooks run in reverse order, so ours, which stops and joins the thread, runs before
// the one that frees the thread-safe function: the thread never calls into a freed one, also when a worker_thread is
// terminated mid-send.
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

  // refill(collector): takes over what it has collected, in place of what was sent before; the collector goes on with
  // that memory.
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

}  // namespace

void export_injector(Napi::Env env, Napi::Object exports) { exports.Set("Injector", InjectorObject::define(env)); }

}  // namespace fanout::binding
