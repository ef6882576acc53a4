// SPDX-License-Identifier: BSD-3-Clause
// The first tables of each direction, which belong to the kernel's driver: rules enter them by
// verbs, matched by the manual's fte_match_param.
#pragma once

#include "objects.h"

#include <cstdint>
#include <vector>

#include <infiniband/mlx5dv.h>

namespace mlx5sim {

struct RootMatcher : Counted {
    RootMatcher() : Counted("root matcher") {}
    mlx5dv_flow_table_type table{};
    std::uint16_t priority = 0;
    std::vector<std::uint8_t> mask;
};

/// A list of modifications for use in root tables.
struct RootAction : Counted {
    RootAction() : Counted("root action") {}
    ibv_flow_action verbs{};
    /// Each 8 octets, as the manual's set, add and copy actions are.
    std::vector<std::uint64_t> modifications;
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

/// Those of a table, the lowest priority's number first, then as they came.
std::vector<const RootFlow*> root_flows(mlx5dv_flow_table_type table);

} // namespace mlx5sim
