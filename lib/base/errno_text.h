// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace sallyport::base {

/// The system's words for an errno value: "No such file or directory". Thread-safe.
inline std::string errno_text(int error = errno) {
    return std::generic_category().message(error);
}

} // namespace sallyport::base
