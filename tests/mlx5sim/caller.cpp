// SPDX-License-Identifier: BSD-3-Clause
#include "caller.h"

#include "topology.h"

#include <cstring>

#include <dlfcn.h>

namespace mlx5sim {

bool is_driver(const void* return_address) {
    if (topology() == nullptr) return false;
    Dl_info info{};
    if (dladdr(return_address, &info) == 0 || info.dli_fname == nullptr) return false;
    const char* const slash = std::strrchr(info.dli_fname, '/');
    const char* const name = slash == nullptr ? info.dli_fname : slash + 1;
    return std::strncmp(name, "librte_", 7) == 0 && std::strstr(name, "_mlx5.so") != nullptr;
}

} // namespace mlx5sim
