// Network namespaces by path (network_namespaces(7)).
#pragma once

#include "core/base/result.hpp"

namespace fanout {

// The calling thread, for good; threads and programs that it starts from now on are there, too. EINVAL where the path
// is no network namespace. Needs CAP_SYS_ADMIN here and over the one that is entered.
[[nodiscard]] Status enter_network_namespace(const char* path) noexcept;

}  // namespace fanout
