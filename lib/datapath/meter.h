// SPDX-License-Identifier: BSD-3-Clause
// The meter of one vm port: what the VM sends beyond its rate is dropped (RFC 2697).
#pragma once

#include "base/error.h"
#include "net/rate_limit.h"

#include <cstdint>
#include <memory>

#include <rte_meter.h>

namespace sallyport::datapath {

class Meter {
  public:
    /// The bucket is full. Control thread.
    static Expected<std::shared_ptr<Meter>> create(const net::RateLimit& limit);

    [[nodiscard]] const net::RateLimit& limit() const { return limit_; }

    /// Takes the frame's octets from the bucket, or says no. One thread at a time: whichever worker
    /// polls the port.
    /// @param now of the time stamp counter
    bool admits(std::uint32_t octets, std::uint64_t now) {
        return rte_meter_srtcm_color_blind_check(&state_, &profile_, now, octets)
               == RTE_COLOR_GREEN;
    }

  private:
    explicit Meter(const net::RateLimit& limit) : limit_(limit) {}

    rte_meter_srtcm state_{};
    rte_meter_srtcm_profile profile_{};
    net::RateLimit limit_;
};

} // namespace sallyport::datapath
