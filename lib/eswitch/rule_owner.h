// SPDX-License-Identifier: BSD-3-Clause
// Whose rule it is, as one number.
#pragma once

#include "eswitch/installed_rules.h"

#include <cstdint>

namespace sallyport::eswitch {

enum class OwnerKind : std::uint8_t {
    uplink,
    tenant,
    vm_port,
    tunnel,
    next_hop,
    length_class,
    entry,
};

inline constexpr unsigned owner_kind_shift = 29;

constexpr RuleOwner owner_of(OwnerKind kind, std::uint32_t id) {
    return static_cast<RuleOwner>(kind) << owner_kind_shift | id;
}
constexpr OwnerKind kind_of(RuleOwner owner) {
    return static_cast<OwnerKind>(owner >> owner_kind_shift);
}
constexpr std::uint32_t id_of(RuleOwner owner) {
    return owner & ((1U << owner_kind_shift) - 1);
}

} // namespace sallyport::eswitch
