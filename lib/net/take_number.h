// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string_view>

namespace sallyport::net {

/// Takes the decimal number that @p text begins with: no sign, no leading zeros, so that each
/// number has one spelling.
/// @param text out: what follows the number; as it was where there is none
/// @return absent: no number, or one above @p largest
inline std::optional<unsigned> take_number(std::string_view& text, unsigned largest) {
    unsigned value = 0;
    std::size_t length = 0;
    while (length < text.size() && text[length] >= '0' && text[length] <= '9') {
        const auto digit = static_cast<unsigned>(text[length] - '0');
        if (digit > largest || value > (largest - digit) / 10) return std::nullopt;
        value = value * 10 + digit;
        ++length;
    }
    if (length == 0 || (length > 1 && text.front() == '0')) return std::nullopt;
    text.remove_prefix(length);
    return value;
}

/// Whether @p text begins with @p prefix, which is then taken off.
inline bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

} // namespace sallyport::net
