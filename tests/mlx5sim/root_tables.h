// SPDX-License-Identifier: BSD-3-Clause
// The first tables of each direction, which belong to the kernel's driver: rules enter them by
// verbs, matched by the manual's fte_match_param.
#pragma once

#include "objects.h"
#include "packet.h"

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include <infiniband/mlx5dv.h>

namespace mlx5sim {

struct RootFlow;

struct RootMatcher : Counted {
    RootMatcher(mlx5dv_flow_table_type in, std::uint16_t at, std::vector<std::uint8_t> asked);
    ~RootMatcher() override;

    /// What its words are in @p fields under the mask, as flows are found by.
    std::size_t hash(std::span<const std::uint8_t> fields) const;
    /// Whether a packet of those fields has the value of @p flow.
    bool matches(std::span<const std::uint8_t> fields, const RootFlow& flow) const;

    const mlx5dv_flow_table_type table;
    const std::uint16_t priority;
    const std::vector<std::uint8_t> mask;
    /// Those octets of the mask, in words of 32 bits, that are not zero.
    const std::vector<std::size_t> words;
    /// By the hash of their values.
    std::unordered_multimap<std::size_t, const RootFlow*> flows;
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
    RootFlow(RootMatcher& by, std::vector<std::uint8_t> wanted);
    ~RootFlow() override;
    ibv_flow verbs{};
    RootMatcher& matcher;
    const std::vector<std::uint8_t> value;
    std::vector<mlx5dv_flow_action_attr> actions;
    /// Counts all that were made.
    const std::uint64_t number;
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
