// SPDX-License-Identifier: BSD-3-Clause
// What is known of DPDK's releases, read from the mlx5 driver's source at each tag up to 24.11.6
// and of the later branches; of 24.11.8 from a run under the simulated card.
#pragma once

#include <compare>
#include <string>

namespace sallyport::eswitch {

struct DpdkRelease {
    unsigned year = 0;
    unsigned month = 0;
    unsigned minor = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const DpdkRelease&) const = default;
};

/// "24.11.6"
std::string to_string(const DpdkRelease& release);

/// Of the library that the process runs with.
DpdkRelease running_release();

/// The first with the multiport E-Switch.
inline constexpr DpdkRelease first_multiport_release{23, 11, 0};

/// The releases whose mlx5 driver makes no port for the second uplink when it is asked for
/// "pf[0,1]vf[...]": it stops at the first PF of the list that is not the uplink's own (DPDK
/// commit 2f7cdd821b1b; mended by 47e696635fa9 in 26.07).
bool known_to_lose_second_uplink(const DpdkRelease& release);

} // namespace sallyport::eswitch
