// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/meter.h"

#include <cstring>
#include <string>

namespace sallyport::datapath {

Expected<std::shared_ptr<Meter>> Meter::create(const net::RateLimit& limit) {
    const std::shared_ptr<Meter> meter(new Meter(limit));
    rte_meter_srtcm_params parameters{
        .cir = limit.octets_per_second, .cbs = limit.burst_octets, .ebs = 0};
    int error = rte_meter_srtcm_profile_config(&meter->profile_, &parameters);
    if (error == 0) error = rte_meter_srtcm_config(&meter->state_, &meter->profile_);
    if (error != 0)
        return failure("no meter of " + std::to_string(limit.octets_per_second)
                       + " octets a second with a burst of " + std::to_string(limit.burst_octets)
                       + ": " + std::strerror(-error));
    return meter;
}

} // namespace sallyport::datapath
