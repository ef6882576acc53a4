// SPDX-License-Identifier: BSD-3-Clause
// The key of an SA that stands in its tenant's file. Settings never hold it.
#pragma once

#include "base/error.h"
#include "ipsec/secret.h"

#include <filesystem>
#include <string>

namespace sallyport::config {

/// Reads the value of `key` of section [sa.@p sa] of a tenant file, of any size, under the
/// conditions of ipsec::read_key_file() but that symbolic links are followed. What was read is
/// wiped. Thread: control.
/// @param where for errors: "tenant blue, sa a"; the file's name is added
Expected<ipsec::Secret> read_inline_key(const std::filesystem::path& file, const std::string& sa,
                                        const std::string& where);

} // namespace sallyport::config
