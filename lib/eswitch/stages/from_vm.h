// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace sallyport::eswitch {

namespace from_vm_actions {
inline constexpr std::uint8_t free = 0;
inline constexpr std::uint8_t metered = 1;
} // namespace from_vm_actions

} // namespace sallyport::eswitch
