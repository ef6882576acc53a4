// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/pipeline.h"
#include "eswitch/stages/length_prefix.h"
#include "eswitch/tag.h"

#include <algorithm>

namespace sallyport::eswitch {

StageSizes stage_sizes(const Settings& settings) {
    StageSizes sizes{};
    const auto at = [&](StageId id) -> std::uint32_t& {
        return sizes[static_cast<std::size_t>(id)];
    };
    const std::uint32_t tenants = std::min(settings.tenants, most_tagged_ids);
    const std::uint32_t vm_ports = std::min(settings.vm_ports, most_tagged_ids);
    // Both uplinks for a moment: the new one's rule is made before the old one's is broken. The
    // same goes for whatever is replaced where the driver updates nothing, so that a table for n
    // rows has room for a few more.
    constexpr std::uint32_t head_room = 64;
    at(StageId::from_uplink) = overlay::uplink_count;
    at(StageId::from_vm) = 2 * vm_ports;
    at(StageId::police) = 2 * at(StageId::from_vm);
    at(StageId::terminate_ipv4) = at(StageId::terminate_ipv6) = tenants + head_room;
    at(StageId::peer) = settings.tunnels + head_room;
    at(StageId::vm_station) = settings.fdb_entries + head_room;
    at(StageId::encapsulable) = at(StageId::fits) =
        std::min(tenants, most_length_classes) * length_patterns;
    at(StageId::remote_station) = settings.fdb_entries + head_room;
    at(StageId::deliver) = 2 * (settings.fdb_entries + head_room);
    at(StageId::own_station) = settings.fdb_entries + head_room;
    at(StageId::fdb) = settings.fdb_entries + head_room;
    at(StageId::uplink) = 2 * settings.next_hops + head_room;
    return sizes;
}

std::uint32_t rules_of_pattern(StageId id, const StageSizes& sizes) {
    const std::uint32_t all = sizes[static_cast<std::size_t>(id)];
    switch (id) {
    case StageId::encapsulable:
    case StageId::fits:
        return all / length_patterns;
    // A station for IPv4 and for IPv6; a vm port for both colours.
    case StageId::deliver:
    case StageId::police:
        return all / 2;
    // One pattern, or rows that may all be of one kind.
    default:
        return all;
    }
}

} // namespace sallyport::eswitch
