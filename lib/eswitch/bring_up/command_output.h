// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"

#include <chrono>
#include <string>
#include <vector>

namespace sallyport::eswitch {

/// Runs a program, without a shell, and returns what it writes. A program that ends with another
/// status than 0, writes more than 64 KiB or does not end in time is a failure; what it wrote is
/// in the message then.
/// @param arguments the program first: a path, or a name to look up in PATH
Expected<std::string> command_output(const std::vector<std::string>& arguments,
                                     std::chrono::milliseconds patience);

} // namespace sallyport::eswitch
