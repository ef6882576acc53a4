// SPDX-License-Identifier: BSD-3-Clause
#include "control/learning.h"

#include <chrono>

#include <spdlog/spdlog.h>

namespace sallyport::control {
namespace {

constexpr std::chrono::milliseconds ageing_interval{250};
// A burst of new stations must not keep a link event waiting for long.
constexpr std::size_t events_at_once = 2048;

} // namespace

Learning::Learning(EventLoop& loop, overlay::ForwardingState& state)
    : loop_(loop), learning_(state), ageing_(state) {}

Learning::~Learning() {
    if (fd_ >= 0) loop_.unwatch(fd_);
    if (ageing_timer_ != 0) loop_.cancel(ageing_timer_);
    if (again_timer_ != 0) loop_.cancel(again_timer_);
}

Expected<void> Learning::start(int learned_fd) {
    if (auto watched = loop_.watch(learned_fd, [this] { process_some(); }); !watched)
        return watched;
    fd_ = learned_fd;
    ageing_timer_ = loop_.every(ageing_interval, [this] { age(); });
    return {};
}

void Learning::drain() {
    while (process_once() > 0) {
    }
}

void Learning::process_some() {
    if (process_once() < events_at_once || again_timer_ != 0) return;
    // The descriptor is reset although events are left: come back by ourselves.
    again_timer_ = loop_.after(std::chrono::milliseconds(0), [this] {
        again_timer_ = 0;
        process_some();
    });
}

std::size_t Learning::process_once() {
    auto result = learning_.process(std::chrono::steady_clock::now(), events_at_once);
    if (result.learned + result.moved + result.refused > 0)
        spdlog::debug("fdb: {} learned, {} moved, {} refused", result.learned, result.moved,
                      result.refused);
    if (result.path_error) spdlog::warn("fdb: not learned: {}", result.path_error->message());
    return result.events;
}

void Learning::age() {
    auto result = ageing_.run(std::chrono::steady_clock::now());
    if (!result)
        spdlog::warn("fdb: not aged: {}", result.error().message());
    else if (result->removed > 0)
        spdlog::debug("fdb: {} aged out", result->removed);
}

} // namespace sallyport::control
