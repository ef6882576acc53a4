// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::net {

/// Pairs of hexadecimal digits, in either case; ':' and '-' between octets are skipped. Absent
/// where anything else stands, or half an octet.
std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text);

/// What @p character stands for, in either case.
std::optional<std::uint8_t> hex_digit(char character);

/// Two digits an octet, in lower case. Makes no copy of @p octets where @p text has room for the
/// digits, as it must for keys.
void append_hex(std::string& text, std::span<const std::uint8_t> octets);

} // namespace sallyport::net
