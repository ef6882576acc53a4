// SPDX-License-Identifier: BSD-3-Clause
// Tells the underlay, a few times over, by which uplink our addresses are now reached.
#pragma once

#include "base/error.h"
#include "control/event_loop.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "overlay/row.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace sallyport::control {

/// Owned by the control thread; every call comes from there. One series of announcements at a time.
class Announcer {
  public:
    /// Sends one Ethernet frame without FCS by an uplink.
    using Send =
        std::function<Expected<void>(overlay::UplinkIndex, std::span<const std::uint8_t> frame)>;

    struct Schedule {
        /// Announcements of each address; RFC 5227 section 3 and RFC 4861 section 7.2.6 repeat them
        /// because frames get lost.
        unsigned count = 3;
        std::chrono::milliseconds interval{100};
    };

    /// @param loop must outlive the object
    Announcer(EventLoop& loop, Schedule schedule, Send send);
    ~Announcer();
    Announcer(const Announcer&) = delete;
    Announcer& operator=(const Announcer&) = delete;

    /// Announces all addresses now, and again as the schedule says. A series that is under way
    /// ends: it would draw traffic to an uplink that may be active no more.
    /// @return how many of the addresses have been announced now
    std::size_t announce(overlay::UplinkIndex uplink, std::span<const net::IpAddress> addresses,
                         const net::MacAddress& mac);
    /// Ends the series that is under way.
    void stop();

  private:
    /// @return announcements that were sent
    std::size_t send_round();

    EventLoop& loop_;
    Schedule schedule_;
    Send send_;
    overlay::UplinkIndex uplink_ = 0;
    std::vector<std::vector<std::uint8_t>> frames_;
    unsigned left_ = 0;
    EventLoop::TimerId timer_ = 0;
};

} // namespace sallyport::control
