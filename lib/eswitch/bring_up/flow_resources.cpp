// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/flow_resources.h"

#include "eswitch/pipeline.h"
#include "eswitch/stages/stage.h"

#include <algorithm>
#include <limits>

namespace sallyport::eswitch {

std::uint32_t needed_counters(const Settings& settings) {
    constexpr std::uint64_t least_head_room = 1024;
    const StageSizes sizes = stage_sizes(settings);
    std::uint64_t rules = 0;
    for (std::size_t id = 0; id < sizes.size(); ++id)
        if (counts(stage(static_cast<StageId>(id)))) rules += sizes[id];
    const std::uint64_t counters = rules + std::max(rules / 8, least_head_room);
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(counters, std::numeric_limits<std::uint32_t>::max()));
}

} // namespace sallyport::eswitch
