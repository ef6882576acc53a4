// SPDX-License-Identifier: BSD-3-Clause
// Files -> validated settings, with file:line for every complaint.
#pragma once

#include "base/error.h"
#include "config/settings.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace sallyport::config {

/// One thing wrong with the files.
struct Complaint {
    std::filesystem::path file;
    /// From 1; 0 where the complaint is about the file as a whole.
    unsigned line = 0;
    /// "underlay.mtu", "vm_port.vm1.mac"; empty where no key is at fault.
    std::string key;
    std::string wrong;
    std::string right;

    /// "FILE:LINE: KEY: WRONG; RIGHT"
    [[nodiscard]] std::string message() const;
};

/// All of them, a line each.
Error complaints_error(const std::vector<Complaint>& complaints);

template<class T>
using Loaded = tl::expected<T, std::vector<Complaint>>;

/// Loads the main file and every *.conf file of the tenants' directory. Needs no privilege and no
/// DPDK. Thread: any.
/// @param tenants_directory wins over the main file's tenants.directory; a relative path in the
///        main file is relative to that file's folder
/// @return the settings, or all complaints of all files, ordered by file and line
Loaded<Settings> load(const std::filesystem::path& main_file,
                      const std::optional<std::filesystem::path>& tenants_directory);

/// Loads one more tenant file beside the settings that run ("tenant add FILE"): a complaint also
/// for what clashes with the running tenants.
Loaded<TenantSettings> load_tenant(const std::filesystem::path& file, const Settings& running);

/// Loads the file of a tenant that runs again ("tenant reload NAME"): a complaint also for what
/// clashes with the other running tenants, and for what cannot be changed while it runs.
/// @param open_mtus for which its vm ports were opened, by their names
Loaded<TenantSettings> reload_tenant(const TenantSettings& tenant, const Settings& running,
                                     const std::map<std::string, std::uint16_t>& open_mtus);

/// Settings in the files' own syntax, every key with its value in force ("show config").
std::string to_config_text(const Settings& settings);

} // namespace sallyport::config
