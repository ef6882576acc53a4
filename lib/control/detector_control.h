// SPDX-License-Identifier: BSD-3-Clause
// Runs the failover detectors of both uplinks: feeds them, sends for them, and tells what they
// find.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "control/event_loop.h"
#include "datapath/software_path.h"
#include "failover/uplink_detectors.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace sallyport::control {

/// Owned by the control thread; every call comes from there.
class DetectorControl {
  public:
    /// What surrounds the control thread, and tests may play.
    struct Environment {
        /// Sends one Ethernet frame without FCS by an uplink.
        std::function<Expected<void>(failover::UplinkIndex, std::span<const std::uint8_t>)> send;
        /// Gives all frames that wait.
        std::function<void(const datapath::SoftwarePath::DetectorFrame&)> take_frames;
        /// Next hops in use; asked for only where they are to be probed.
        std::function<std::vector<net::IpAddress>()> next_hops;
        /// What a detector says now; called whenever it has been asked.
        std::function<void(failover::UplinkIndex, failover::Detector, bool failed)> told;
        failover::BfdSession::Random random;
        std::function<failover::TimePoint()> now = failover::Clock::now;
    };

    /// @param loop must outlive the object
    DetectorControl(EventLoop& loop, const config::Settings& settings,
                    const net::MacAddress& underlay_mac, Environment environment);
    ~DetectorControl();
    DetectorControl(const DetectorControl&) = delete;
    DetectorControl& operator=(const DetectorControl&) = delete;

    /// @param frames_fd readable when there are frames; unwatched with the object
    Expected<void> start(int frames_fd, const std::array<bool, failover::uplink_count>& links_up);
    void link(failover::UplinkIndex uplink, bool up);
    /// Tells the neighbours that we go, for which that is then no failure of a path; nothing comes
    /// from here any more.
    void stop();

    [[nodiscard]] const failover::UplinkDetectors& uplink(failover::UplinkIndex uplink) const {
        return uplinks_[uplink];
    }

  private:
    [[nodiscard]] failover::UplinkDetectors make(const config::Settings& settings,
                                                 const net::MacAddress& underlay_mac,
                                                 failover::UplinkIndex uplink) const;
    void choose_targets();
    void send_due();
    /// Everything that is to be done now.
    void run();
    void tell();
    void schedule();

    EventLoop& loop_;
    config::NeighbourProbeSettings probe_;
    Environment environment_;
    /// Of the underlay; unspecified: only the operator's tools know.
    net::IpAddress own_address_;
    std::array<failover::UplinkDetectors, failover::uplink_count> uplinks_;
    int fd_ = -1;
    EventLoop::TimerId timer_ = 0;
};

} // namespace sallyport::control
