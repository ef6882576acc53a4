// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace sallyport::eswitch {

/// A pattern for each colour, with the actions of the same number.
namespace police_pattern {
inline constexpr std::uint8_t green = 0;
inline constexpr std::uint8_t red = 1;
} // namespace police_pattern

} // namespace sallyport::eswitch
