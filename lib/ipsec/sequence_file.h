// SPDX-License-Identifier: BSD-3-Clause
// The text of the state file that keeps sequence numbers from repeating (sequence_store.h).
#pragma once

#include "ipsec/crypto_devices.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sallyport::ipsec {

/// SAs that a state file may hold, and octets that is at most.
inline constexpr std::size_t most_stored_sas = 65536;
inline constexpr std::size_t largest_sequence_file = 8 * 1024 * 1024;

/// What a state file says.
struct SequenceState {
    /// Random, of the file: names of keys in two files have nothing in common.
    Sha256 salt{};
    /// By the name of the SA's key: sequence numbers below may have been used.
    std::map<Sha256, std::uint64_t> bounds;
    bool operator==(const SequenceState&) const = default;
};

/// Ends with a checksum, against damage, not against somebody.
std::string to_text(const SequenceState& state);
/// Any octets may come. Absent unless every line is as to_text() writes it and the checksum is
/// right.
std::optional<SequenceState> parse_sequence_file(std::string_view text);

} // namespace sallyport::ipsec
