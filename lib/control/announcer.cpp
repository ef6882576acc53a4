// SPDX-License-Identifier: BSD-3-Clause
#include "control/announcer.h"

#include "underlay/announcement.h"

#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

namespace sallyport::control {

Announcer::Announcer(EventLoop& loop, Schedule schedule, Send send)
    : loop_(loop), schedule_(schedule), send_(std::move(send)) {}

Announcer::~Announcer() {
    stop();
}

std::size_t Announcer::announce(overlay::UplinkIndex uplink,
                                std::span<const net::IpAddress> addresses,
                                const net::MacAddress& mac) {
    stop();
    if (addresses.empty() || schedule_.count == 0) return 0;
    uplink_ = uplink;
    frames_.reserve(addresses.size());
    for (const auto& address : addresses)
        frames_.push_back(underlay::announcement(address, mac));
    left_ = schedule_.count;
    timer_ = loop_.every(schedule_.interval, [this] { send_round(); });
    return send_round();
}

void Announcer::stop() {
    if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
    frames_.clear();
    left_ = 0;
}

std::size_t Announcer::send_round() {
    const std::size_t all = frames_.size();
    std::size_t failed = 0;
    std::optional<Error> first;
    for (const auto& frame : frames_) {
        auto sent = send_(uplink_, frame);
        if (sent) continue;
        ++failed;
        if (!first) first = sent.error();
    }
    if (first)
        spdlog::warn("{} of {} address announcements were not sent: {}", failed, all,
                     first->message());
    if (--left_ == 0) stop();
    return all - failed;
}

} // namespace sallyport::control
