// SPDX-License-Identifier: BSD-3-Clause
// load.h's functions on texts in memory: for tests, and for whoever has the text but no file.
#pragma once

#include "config/load.h"

#include <span>
#include <string>
#include <string_view>

namespace sallyport::config {

/// A file's text under the path that complaints name.
struct FileText {
    std::filesystem::path file;
    std::string text;
};

/// As load(), of these texts; the tenants' directory is not read.
Loaded<Settings> parse(const FileText& main_file, std::span<const FileText> tenant_files);

/// As load_tenant().
Loaded<TenantSettings> parse_tenant(const FileText& file, const Settings& running);

/// The text of the main file alone, and of one tenant file.
std::string main_config_text(const Settings& settings);
std::string tenant_config_text(const TenantSettings& tenant);

} // namespace sallyport::config
