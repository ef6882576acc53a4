// SPDX-License-Identifier: BSD-3-Clause
// The text of the main file -> settings, checked as far as the file alone allows.
#pragma once

#include "config/source.h"

#include <string_view>
#include <vector>

namespace sallyport::config {

/// Lines of what later checks may complain of; 0: not in the file.
struct MainLines {
    struct Uplink {
        unsigned name = 0;
        unsigned device = 0;
        unsigned interface = 0;
        unsigned bfd_local = 0;
    };
    /// Beside Settings::uplinks.
    std::vector<Uplink> uplinks;
    /// Beside UnderlaySettings::addresses.
    std::vector<unsigned> addresses;
    unsigned host_port = 0;
    unsigned tenants_directory = 0;
};

struct MainFile {
    Settings settings;
    MainLines lines;
    /// False where underlay.mtu was complained of: then no tenant's MTU can be held against it.
    bool mtu_known = true;
};

MainFile parse_main_file(const std::filesystem::path& file, std::string_view text,
                         Complaints& complaints);

} // namespace sallyport::config
