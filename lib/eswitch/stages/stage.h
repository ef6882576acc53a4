// SPDX-License-Identifier: BSD-3-Clause
// One template table of the pipeline. Each stage is a file of this folder that says once what its
// patterns and actions are; templates and rules are both written by that one function, since a
// driver checks neither against the other.
#pragma once

#include "eswitch/actions_builder.h"
#include "eswitch/flow_api.h"
#include "eswitch/pattern_builder.h"
#include "eswitch/rule_spec.h"

#include <array>
#include <cstdint>

namespace sallyport::eswitch {

/// Groups of the multiport E-Switch's FDB. A group holds stages of one origin only.
namespace group {
inline constexpr std::uint32_t origin = 0;
inline constexpr std::uint32_t terminate = 1;
inline constexpr std::uint32_t peer = 2;
inline constexpr std::uint32_t police = 3;
inline constexpr std::uint32_t vm_station = 4;
inline constexpr std::uint32_t length = 5;
inline constexpr std::uint32_t remote_station = 6;
inline constexpr std::uint32_t deliver = 7;
inline constexpr std::uint32_t fdb = 8;
inline constexpr std::uint32_t uplink = 9;
inline constexpr std::uint32_t count = 10;
} // namespace group

/// What of the settings is fixed in the templates.
struct PipelineSettings {
    /// The outer DSCP is always the same; else it is the inner one, and the NIC keeps only zeros.
    bool fixed_dscp = false;
};

struct Stage {
    const char* name;
    std::uint32_t group;
    /// Lower is tried first within the group.
    std::uint32_t priority;
    Origin origin;
    std::uint8_t patterns;
    std::uint8_t action_sets;
    void (*write_pattern)(PatternBuilder& out, std::uint8_t pattern, const RuleMatch& match,
                          const PipelineSettings& settings);
    void (*write_actions)(ActionsBuilder& out, std::uint8_t actions, const RuleEffect& effect);
    /// A pattern's table is made when its first rule is: each that is there costs every packet a
    /// look, and few of these patterns are in use at a time.
    bool tables_on_demand = false;
};

extern const Stage from_uplink_stage;
extern const Stage from_vm_stage;
extern const Stage police_stage;
extern const Stage terminate_ipv4_stage;
extern const Stage terminate_ipv6_stage;
extern const Stage peer_stage;
extern const Stage vm_station_stage;
extern const Stage encapsulable_stage;
extern const Stage fits_stage;
extern const Stage remote_station_stage;
extern const Stage deliver_stage;
extern const Stage own_station_stage;
extern const Stage fdb_stage;
extern const Stage uplink_stage;

const Stage& stage(StageId id);

/// Whether rules of the stage have a counter.
bool counts(const Stage& stage);

} // namespace sallyport::eswitch
