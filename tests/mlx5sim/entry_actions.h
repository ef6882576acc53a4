// SPDX-License-Identifier: BSD-3-Clause
// What an entry of a rule table does to the packet that matches it, and where it sends it on.
#pragma once

#include "packet.h"
#include "steering.h"
#include "walk.h"

#include <cstdint>

namespace mlx5sim {

struct Next {
    enum class Kind : std::uint8_t { end, table, entry };
    Kind kind = Kind::end;
    Verdict verdict;
    std::uint32_t flow_table = 0;
    const RuleTable* table = nullptr;
    const Entry* entry = nullptr;
    /// What tables match is to be looked at anew.
    bool changed = false;
};

/// In the order counter, single actions, destination. Ends the process with the name of what is not
/// simulated, and of an object that is not there.
Next carry_out(const RuleTable& table, const Entry& entry, Packet& packet);

} // namespace mlx5sim
