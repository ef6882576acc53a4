// SPDX-License-Identifier: BSD-3-Clause
#include "net/card_function.h"

#include "net/take_number.h"

#include <fmt/format.h>

namespace sallyport::net {

std::string to_string(const CardFunction& function) {
    if (function.vf) return fmt::format("pf{}vf{}", function.pf, *function.vf);
    return fmt::format("pf{}", function.pf);
}

Expected<CardFunction> parse_card_function(std::string_view text) {
    const auto wrong = [text] {
        return failure(fmt::format("'{}' names no function of the card", text), {},
                       "write pf0 or pf1 for an uplink, or like pf0vf3 for a VF of it");
    };
    std::string_view rest = text;
    if (!take_prefix(rest, "pf")) return wrong();
    const auto pf = take_number(rest, physical_functions - 1);
    if (!pf) return wrong();
    if (rest.empty()) return CardFunction{*pf};
    if (!take_prefix(rest, "vf")) return wrong();
    const auto vf = take_number(rest, largest_vf);
    if (!vf || !rest.empty()) return wrong();
    return CardFunction{*pf, *vf};
}

} // namespace sallyport::net
