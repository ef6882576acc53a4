// SPDX-License-Identifier: BSD-3-Clause
// How an operator names what is on the card: "pf0" is the first port, "pf0vf3" its fourth VF.
#pragma once

#include "base/error.h"

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::net {

struct CardFunction {
    unsigned pf = 0;
    /// Absent: the port itself, an uplink.
    std::optional<unsigned> vf{};

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const CardFunction&) const = default;
};

/// Both ports of the card.
inline constexpr unsigned physical_functions = 2;
inline constexpr CardFunction first_uplink{0, std::nullopt};
inline constexpr CardFunction second_uplink{1, std::nullopt};
/// mlx5 takes 65535 for the host's own function.
inline constexpr unsigned largest_vf = 65534;

std::string to_string(const CardFunction& function);

Expected<CardFunction> parse_card_function(std::string_view text);

} // namespace sallyport::net
