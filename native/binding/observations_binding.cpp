// encodeObservations(): a batch as a worker's capture thread writes it, from values that a simulator or a test has made
// up.
#include <arpa/inet.h>

#include <algorithm>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "core/wire/wire.hpp"

namespace fanout::binding {
namespace {

// Reads one JavaScript object, and remembers the first property that is not what it should be.
class Fields {
 public:
  explicit Fields(const Napi::Object& object) : object_(object) {}

  [[nodiscard]] const char* wrong() const { return wrong_; }
  [[nodiscard]] bool has(const char* name) const { return property(object_, name).has_value(); }

  template <typename T>
  void natural(const char* name, T& out) {
    const Napi::Value value = object_.Get(name);
    bool exact = false;
    std::uint64_t wide = 0;
    if (value.IsBigInt()) {
      wide = value.As<Napi::BigInt>().Uint64Value(&exact);
    } else if (value.IsNumber()) {
      constexpr double limit = 9007199254740992.0;  // 2^53
      const double number = value.As<Napi::Number>().DoubleValue();
      exact = number >= 0 && number < limit && number == std::trunc(number);
      if (exact) wide = static_cast<std::uint64_t>(number);
    }
    if (!exact || wide > std::numeric_limits<T>::max()) return fail(name);
    out = static_cast<T>(wide);
  }

  void address(const char* name, Address& out, std::uint8_t& family) {
    const std::string text = string(name);
    family = text.find(':') == std::string::npos ? 4 : 6;
    if (::inet_pton(family == 4 ? AF_INET : AF_INET6, text.c_str(), out.data()) != 1) fail(name);
  }

  // "vlan/ipv4/tcp", outermost layer first.
  void stack(const char* name, Stack& out) {
    const std::string text = string(name);
    for (std::size_t start = 0; start <= text.size();) {
      const std::size_t end = std::min(text.find('/', start), text.size());
      const auto layer =
          std::find(layer_names.begin() + 1, layer_names.end(), std::string_view{text}.substr(start, end - start));
      if (layer == layer_names.end()) return fail(name);
      out.push(static_cast<Layer>(layer - layer_names.begin()));
      start = end + 1;
    }
  }

 private:
  std::string string(const char* name) const {
    const Napi::Value value = object_.Get(name);
    return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string{};
  }
  void fail(const char* name) {
    if (wrong_ == nullptr) wrong_ = name;
  }

  Napi::Object object_;
  const char* wrong_ = nullptr;
};

// Gives the name of a property that is wrong, or null.
const char* read_observation(const Napi::Value& value, Observation& out) {
  if (!value.IsObject()) return "observation";
  Fields fields{value.As<Napi::Object>()};
  std::uint8_t dst_family = 0;
  fields.address("src", out.tuple.src, out.tuple.family);
  fields.address("dst", out.tuple.dst, dst_family);
  fields.natural("srcPort", out.tuple.src_port);
  fields.natural("dstPort", out.tuple.dst_port);
  fields.natural("protocol", out.tuple.protocol);
  fields.stack("stack", out.stack);
  fields.natural("kernelKey", out.kernel_key);
  fields.natural("marks", out.marks);
  if (fields.has("tags")) fields.natural("tags", out.tags);
  fields.natural("packets", out.packets);
  fields.natural("bytes", out.bytes);
  fields.natural("firstNs", out.first_ns);
  fields.natural("lastNs", out.last_ns);
  fields.natural("content", out.content);
  fields.natural("datagram", out.datagram);
  if (fields.wrong() != nullptr) return fields.wrong();
  return dst_family == out.tuple.family ? nullptr : "dst";
}

// encodeObservations(member, epoch, observations): the message as bytes, without the frame's length.
Napi::Value encode_observations(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  constexpr double uint32_max = 0xffffffff;
  const auto member = integer_in(env, info[0], "member", 0, uint32_max);
  if (!member) return env.Undefined();
  const auto epoch = integer_in(env, info[1], "epoch", 0, uint32_max);
  if (!epoch) return env.Undefined();
  if (!info[2].IsArray()) {
    throw_type_error(env, "observations is not an array");
    return env.Undefined();
  }
  const auto list = info[2].As<Napi::Array>();
  std::vector<std::byte> message(wire::batch_header_bytes + std::size_t{list.Length()} * wire::observation_bytes_max);
  wire::BatchWriter writer{message, static_cast<std::uint32_t>(*member), static_cast<std::uint32_t>(*epoch)};
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    Observation observation;
    if (const char* const wrong = read_observation(list.Get(i), observation); wrong != nullptr) {
      throw_type_error(env, "observation " + std::to_string(i) + ": " + wrong + " is not valid");
      return env.Undefined();
    }
    writer.append(observation);
  }
  return Napi::Buffer<std::uint8_t>::Copy(env, reinterpret_cast<const std::uint8_t*>(message.data()), writer.finish());
}

}  // namespace

void export_observations(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeObservations", Napi::Function::New<encode_observations>(env));
}

}  // namespace fanout::binding
