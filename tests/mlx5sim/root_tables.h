// SPDX-License-Identifier: BSD-3-Clause
// The first tables of each direction, which belong to the kernel's driver: rules enter them by
// verbs, matched by the manual's fte_match_param.
#pragma once

#include "objects.h"
#include "packet.h"

#include <array>
#include <cstdint>
#include <vector>

#include <infiniband/mlx5dv.h>

namespace mlx5sim {

struct RootMatcher : Counted {
    RootMatcher() : Counted("root matcher") {}
    mlx5dv_flow_table_type table{};
    std::uint16_t priority = 0;
    std::vector<std::uint8_t> mask;
    /// Those octets of the mask, in words of 32 bits, that are not zero.
    std::vector<std::size_t> words;
};

/// As the manual's set, add and copy actions are.
using Modification = std::array<std::uint8_t, 8>;

/// A list of modifications for use in root tables.
struct RootAction : Counted {
    RootAction() : Counted("root action") {}
    ibv_flow_action verbs{};
    std::vector<Modification> modifications;
};

struct RootFlow : Counted {
    RootFlow() : Counted("root flow") {}
    ibv_flow verbs{};
    const RootMatcher* matcher = nullptr;
    std::vector<std::uint8_t> value;
    std::vector<mlx5dv_flow_action_attr> actions;
};

/// A flow table's number by which rules of later tables come back to a root table.
struct SteeringAnchor : Indexed<SteeringAnchor> {
    SteeringAnchor(std::uint32_t number, mlx5dv_flow_table_type to)
        : Indexed("steering anchor", number), table(to) {
        verbs.id = number;
    }
    mlx5dv_steering_anchor verbs{};
    const mlx5dv_flow_table_type table;
};

/// The rule that takes @p packet: the first of the lowest priority's number. Null: none.
const RootFlow* find_root_flow(const Packet& packet, mlx5dv_flow_table_type table);

const std::vector<Modification>& modifications_of(const ibv_flow_action* action);

} // namespace mlx5sim
