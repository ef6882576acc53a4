// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/stages/stage.h"

namespace sallyport::eswitch {

const Stage& stage(StageId id) {
    static constexpr std::array<const Stage*, stage_count> stages{
        &from_uplink_stage,    &from_vm_stage,    &terminate_ipv4_stage, &terminate_ipv6_stage,
        &peer_stage,           &vm_station_stage, &encapsulable_stage,   &fits_stage,
        &remote_station_stage, &deliver_stage,    &own_station_stage,    &fdb_stage,
        &uplink_stage,
    };
    return *stages[static_cast<std::size_t>(id)];
}

} // namespace sallyport::eswitch
