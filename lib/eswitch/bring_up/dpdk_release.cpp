// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/dpdk_release.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <rte_version.h>

namespace sallyport::eswitch {

std::string to_string(const DpdkRelease& release) {
    return fmt::format("{:02}.{:02}.{}", release.year, release.month, release.minor);
}

DpdkRelease running_release() {
    return {rte_version_year(), rte_version_month(), rte_version_minor()};
}

bool known_to_lose_second_uplink(const DpdkRelease& release) {
    constexpr std::array<DpdkRelease, 6> known{
        {{23, 11, 7}, {24, 11, 5}, {24, 11, 6}, {25, 11, 1}, {25, 11, 2}, {26, 3, 0}}};
    return std::find(known.begin(), known.end(), release) != known.end();
}

} // namespace sallyport::eswitch
