// SPDX-License-Identifier: BSD-3-Clause
#include "control/detector_control.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace sallyport::control {

using failover::Detector;
using failover::TimePoint;
using failover::UplinkIndex;

namespace {

constexpr std::array<UplinkIndex, failover::uplink_count> both{0, 1};

} // namespace

DetectorControl::DetectorControl(EventLoop& loop, const config::Settings& settings,
                                 const net::MacAddress& underlay_mac, Environment environment)
    : loop_(loop), probe_(settings.failover.neighbour_probe), environment_(std::move(environment)),
      own_address_(settings.underlay.addresses.empty()
                       ? net::IpAddress{}
                       : settings.underlay.addresses.front().address),
      uplinks_{make(settings, underlay_mac, 0), make(settings, underlay_mac, 1)} {}

failover::UplinkDetectors DetectorControl::make(const config::Settings& settings,
                                                const net::MacAddress& underlay_mac,
                                                UplinkIndex uplink) const {
    failover::UplinkDetectorSettings detectors{.mac = failover::detector_mac(underlay_mac, uplink),
                                               .bfd = settings.uplinks[uplink].bfd,
                                               .bfd_settings = settings.failover.bfd};
    if (probe_.in_use()) detectors.neighbours = probe_.reachability;
    return {detectors, environment_.random, environment_.now()};
}

DetectorControl::~DetectorControl() {
    if (fd_ >= 0) loop_.unwatch(fd_);
    if (timer_ != 0) loop_.cancel(timer_);
}

Expected<void> DetectorControl::start(int frames_fd,
                                      const std::array<bool, failover::uplink_count>& links_up) {
    if (auto watched = loop_.watch(frames_fd, [this] { run(); }); !watched) return watched;
    fd_ = frames_fd;
    for (const UplinkIndex uplink : both)
        uplinks_[uplink].link(links_up[uplink], environment_.now());
    run();
    return {};
}

void DetectorControl::link(UplinkIndex uplink, bool up) {
    uplinks_[uplink].link(up, environment_.now());
    run();
}

void DetectorControl::choose_targets() {
    if (!probe_.in_use()) return;
    auto targets = probe_.targets;
    if (probe_.next_hops) {
        auto next_hops = environment_.next_hops();
        std::ranges::sort(next_hops);
        // Those after our own address: were they the first for everybody, a few hypervisors would
        // have to answer to all.
        std::rotate(next_hops.begin(), std::ranges::upper_bound(next_hops, own_address_),
                    next_hops.end());
        for (const net::IpAddress& hop : next_hops) {
            if (targets.size() >= config::most_neighbour_targets) break;
            if (std::ranges::find(targets, hop) == targets.end()) targets.push_back(hop);
        }
    }
    for (auto& detectors : uplinks_)
        detectors.set_targets(targets);
}

void DetectorControl::run() {
    // All that has come first: what had to wait for us proves that the peer lives.
    environment_.take_frames([this](UplinkIndex uplink, std::span<const std::uint8_t> frame) {
        uplinks_[uplink].receive(frame, environment_.now());
    });
    choose_targets();
    send_due();
    tell();
    schedule();
}

void DetectorControl::send_due() {
    for (const UplinkIndex uplink : both)
        for (const auto& frame : uplinks_[uplink].due(environment_.now()))
            if (auto sent = environment_.send(uplink, frame); !sent)
                spdlog::debug("failover detectors: not sent: {}", sent.error().message());
}

void DetectorControl::stop() {
    if (fd_ >= 0) loop_.unwatch(std::exchange(fd_, -1));
    if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
    for (auto& uplink : uplinks_)
        uplink.stop(environment_.now());
    send_due();
}

void DetectorControl::tell() {
    for (const UplinkIndex uplink : both)
        for (const Detector detector : {Detector::probe, Detector::bfd})
            environment_.told(uplink, detector, uplinks_[uplink].failed(detector));
}

void DetectorControl::schedule() {
    if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
    const auto due = failover::sooner(uplinks_[0].next_deadline(), uplinks_[1].next_deadline());
    if (!due) return;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - environment_.now());
    timer_ = loop_.after(std::max(left, std::chrono::milliseconds(0)), [this] {
        timer_ = 0;
        run();
    });
}

} // namespace sallyport::control
