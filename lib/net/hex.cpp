// SPDX-License-Identifier: BSD-3-Clause
#include "net/hex.h"

namespace sallyport::net {

std::optional<std::uint8_t> hex_digit(char character) {
    if (character >= '0' && character <= '9') return static_cast<std::uint8_t>(character - '0');
    if (character >= 'a' && character <= 'f')
        return static_cast<std::uint8_t>(character - 'a' + 10);
    if (character >= 'A' && character <= 'F')
        return static_cast<std::uint8_t>(character - 'A' + 10);
    return std::nullopt;
}

std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
    std::vector<std::uint8_t> octets;
    octets.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ':' || text[i] == '-') continue;
        if (i + 1 == text.size()) return std::nullopt;
        const auto high = hex_digit(text[i]);
        const auto low = hex_digit(text[++i]);
        if (!high || !low) return std::nullopt;
        octets.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
    }
    return octets;
}

void append_hex(std::string& text, std::span<const std::uint8_t> octets) {
    static constexpr std::string_view digits = "0123456789abcdef";
    for (const std::uint8_t octet : octets) {
        text += digits[octet >> 4U];
        text += digits[octet & 15U];
    }
}

} // namespace sallyport::net
