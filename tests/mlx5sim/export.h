// SPDX-License-Identifier: BSD-3-Clause
// What the library puts before others' functions of the same name, and how it reaches those.
#pragma once

#include "report.h"

#include <dlfcn.h>

/// Seen by the process that preloads us; everything else is hidden.
#define MLX5SIM_EXPORT extern "C" [[gnu::visibility("default")]]

namespace mlx5sim {

/// The function that a call would have reached without us. Ends the process where there is none.
template<typename Function>
Function* next_function(const char* name) {
    void* const found = dlsym(RTLD_NEXT, name);
    if (found == nullptr) refuse("%s: there is no such function behind this one", name);
    return reinterpret_cast<Function*>(found);
}

} // namespace mlx5sim

/// Calls the function of the same type that stands behind @p name in this process.
#define MLX5SIM_NEXT(name)                                                                         \
    ([]() {                                                                                        \
        static auto* const next = ::mlx5sim::next_function<decltype(::name)>(#name);               \
        return next;                                                                               \
    }())
