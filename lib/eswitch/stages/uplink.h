// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace sallyport::eswitch {

namespace uplink_actions {
inline constexpr std::uint8_t send = 0;
inline constexpr std::uint8_t drop = 1;
} // namespace uplink_actions

} // namespace sallyport::eswitch
