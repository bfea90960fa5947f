// What drivers say of their devices.
#include <cstring>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "host/ethtool.hpp"

namespace fanout::binding {
namespace {

// {value}, or {why} where it is refused.
template <typename T, typename Convert>
Napi::Object answer_of(Napi::Env env, const Result<T>& result, Convert&& convert) {
  auto out = Napi::Object::New(env);
  if (result) {
    out.Set("value", convert(*result));
    return out;
  }
  out.Set("errno", result.error().code);
  out.Set("why", std::strerror(result.error().code));
  return out;
}

Napi::Value describe_driver(Napi::Env env, const EthtoolFacts::Driver& driver) {
  auto out = Napi::Object::New(env);
  out.Set("name", driver.name);
  out.Set("version", driver.version);
  out.Set("bus", driver.bus);
  return out;
}

Napi::Value describe_rss(Napi::Env env, const EthtoolFacts::Rss& rss) {
  auto out = Napi::Object::New(env);
  if (!rss.function.empty()) out.Set("hashFunction", rss.function);
  if (!rss.key.empty())
    out.Set("key", Napi::Buffer<std::uint8_t>::Copy(env, reinterpret_cast<const std::uint8_t*>(rss.key.data()),
                                                    rss.key.size()));
  if (!rss.table.empty())
    out.Set("table", array_of(env, rss.table, [&](std::uint32_t queue) { return number(env, queue); }));
  if (rss.transform) out.Set("transform", number(env, *rss.transform));
  return out;
}

Napi::Value describe_switches(Napi::Env env, const EthtoolFacts::Switches& switches) {
  return array_of(env, switches, [&](const std::pair<std::string, bool>& one) {
    auto out = Napi::Object::New(env);
    out.Set("name", one.first);
    out.Set("isOn", one.second);
    return out;
  });
}

// ethtoolFacts(name)
Napi::Value facts_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto facts = ethtool_facts(ask_kernel_about(info[0].ToString().Utf8Value()));
  const auto as_number = [&](std::uint64_t value) { return number(env, value); };
  const auto as_switches = [&](const EthtoolFacts::Switches& switches) { return describe_switches(env, switches); };
  auto out = Napi::Object::New(env);
  out.Set("driver", answer_of(env, facts.driver, [&](const auto& driver) { return describe_driver(env, driver); }));
  out.Set("rss", answer_of(env, facts.rss, [&](const auto& rss) { return describe_rss(env, rss); }));
  out.Set("hashFields",
          array_of(env, facts.hash_fields, [&](const auto& fields) { return answer_of(env, fields, as_number); }));
  out.Set("channels", answer_of(env, facts.channels, [&](const EthtoolFacts::Channels& channels) {
            auto told = Napi::Object::New(env);
            told.Set("used", number(env, channels.used));
            told.Set("most", number(env, channels.most));
            return told;
          }));
  out.Set("receiveRings", answer_of(env, facts.receive_rings, as_number));
  out.Set("steeringRules", answer_of(env, facts.steering_rules, as_number));
  out.Set("features", answer_of(env, facts.features, as_switches));
  out.Set("privateFlags", answer_of(env, facts.private_flags, as_switches));
  out.Set("rings", answer_of(env, facts.rings, [&](const EthtoolFacts::Rings& rings) {
            auto told = Napi::Object::New(env);
            told.Set("rx", number(env, rings.rx));
            told.Set("rxMost", number(env, rings.rx_most));
            return told;
          }));
  out.Set("coalescing", answer_of(env, facts.coalescing, [&](const EthtoolFacts::Coalescing& coalescing) {
            auto told = Napi::Object::New(env);
            told.Set("adaptiveRx", coalescing.adaptive_rx);
            told.Set("rxUsecs", number(env, coalescing.rx_usecs));
            return told;
          }));
  return out;
}

// ethtoolCounters(name)
Napi::Value counters_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto counters = ethtool_counters(ask_kernel_about(info[0].ToString().Utf8Value()));
  return answer_of(env, counters, [&](const EthtoolCounters& all) {
    return array_of(env, all, [&](const std::pair<std::string, std::uint64_t>& one) {
      auto out = Napi::Object::New(env);
      out.Set("name", one.first);
      out.Set("count", number(env, one.second));
      return out;
    });
  });
}

}  // namespace

void export_ethtool(Napi::Env env, Napi::Object exports) {
  exports.Set("ethtoolFacts", Napi::Function::New<facts_of>(env));
  exports.Set("ethtoolCounters", Napi::Function::New<counters_of>(env));
}

}  // namespace fanout::binding
