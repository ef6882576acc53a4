// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace sallyport::eswitch {

namespace fdb_pattern {
inline constexpr std::uint8_t local = 0;
inline constexpr std::uint8_t remote = 1;
} // namespace fdb_pattern

namespace fdb_actions {
inline constexpr std::uint8_t to_vm = 0;
inline constexpr std::uint8_t encapsulate_ipv4 = 1;
inline constexpr std::uint8_t encapsulate_ipv6 = 2;
} // namespace fdb_actions

} // namespace sallyport::eswitch
