// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sallyport::net {

/// Pairs of hexadecimal digits, in either case; ':' and '-' between octets are skipped. Absent
/// where anything else stands, or half an octet.
std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text);

} // namespace sallyport::net
