// SPDX-License-Identifier: BSD-3-Clause
// Keys from files that nobody else can read. No error says anything of what is in the file.
#pragma once

#include "base/error.h"
#include "ipsec/algorithm.h"
#include "ipsec/secret.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ipsec {

/// Octets a key file may have, comments included.
inline constexpr std::size_t largest_key_file = 4096;

enum class KeyFault : std::uint8_t {
    none,
    empty,
    not_hexadecimal,
    /// An odd number of digits.
    half_octet,
    /// More than Secret::most octets.
    too_long,
};

/// "half an octet"
std::string to_string(KeyFault fault);
/// What mends each of them.
inline constexpr std::string_view key_form = "the key is to be hexadecimal digits, two an octet";

struct ParsedKey {
    Secret key;
    KeyFault fault = KeyFault::none;
    /// Of the fault, from 1; 0 where it has no place.
    unsigned line = 0;
};

/// A key as hexadecimal digits in either case, with "0x" in front if one likes; blanks, ':' and
/// line ends may stand between octets; from '#' to the end of its line is comment. Any octets may
/// come.
ParsedKey parse_key(std::string_view text);

/// Why a key of @p octets is none of the algorithm's; absent where it may be.
std::optional<Error> wrong_key_size(Algorithm algorithm, std::size_t octets);

/// Reads a key from a file that is a regular one (symbolic links are not followed), has mode 0600
/// or 0400 and belongs to the effective user; all of that is asked of the file that was opened.
/// What was read is wiped. Thread: control.
/// @param where for errors: "tenant blue"; the file's name is added
Expected<Secret> read_key_file(const std::filesystem::path& path, std::string_view where);

/// The same conditions for a file that is open already: a tenant file with a key in it.
/// @param path for errors
Expected<void> check_private_file(int fd, const std::filesystem::path& path,
                                  std::string_view where);

} // namespace sallyport::ipsec
