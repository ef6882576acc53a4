// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"

#include <filesystem>
#include <optional>

namespace sallyport {

/// Locks the config file itself (flock), so that one process runs on it. The kernel releases the
/// lock when the process ends in whatever way, so no file is left behind.
/// @return the descriptor that holds the lock; no value: another process has it
Expected<std::optional<base::FileDescriptor>> lock_instance(const std::filesystem::path& config);

} // namespace sallyport
