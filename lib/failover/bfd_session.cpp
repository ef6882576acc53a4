// SPDX-License-Identifier: BSD-3-Clause
#include "failover/bfd_session.h"

#include <algorithm>
#include <utility>

namespace sallyport::failover {

using net::BfdControl;
using net::BfdDiagnostic;
using net::BfdDiscard;
using net::BfdState;

namespace {

/// RFC 5880 section 6.8.3: at least this while the session is not up.
constexpr std::chrono::microseconds slow_interval{1'000'000};

std::optional<BfdDiscard> discard_reason(const BfdControl& packet, std::uint32_t my_discriminator) {
    if (packet.your_discriminator == 0) {
        if (packet.state != BfdState::down && packet.state != BfdState::admin_down)
            return BfdDiscard::your_discriminator;
    } else if (packet.your_discriminator != my_discriminator) {
        return BfdDiscard::session_unknown;
    }
    // bfd.AuthType is always zero.
    if (packet.authenticated) return BfdDiscard::authentication;
    return std::nullopt;
}

} // namespace

BfdSession::BfdSession(const BfdSettings& settings, std::uint32_t my_discriminator, Random random,
                       TimePoint now)
    : settings_(settings), my_discriminator_(my_discriminator), random_(std::move(random)),
      news_(now) {
    remote_.required_min_rx = 1; // RFC 5880 section 6.8.1
}

std::optional<BfdDiscard> BfdSession::receive(const BfdControl& packet, TimePoint now) {
    auto why = discard_reason(packet, my_discriminator_);
    if (!why) {
        remote_ = packet;
        heard_ = now;
        if (packet.final) end_poll();
        if (state_ == BfdState::admin_down) why = BfdDiscard::administratively_down;
    }
    if (why) {
        discard(*why);
        return why;
    }
    ++received_;
    run_state_machine(packet.state, now);
    if (packet.poll) final_due_ = now;
    return std::nullopt;
}

void BfdSession::run_state_machine(BfdState received, TimePoint now) {
    if (received == BfdState::admin_down) {
        if (state_ != BfdState::down)
            enter(BfdState::down, BfdDiagnostic::neighbour_signalled_down, now);
        failed_ = false;
    } else if (state_ == BfdState::down) {
        if (received == BfdState::down) enter(BfdState::init, diagnostic_, now);
        if (received == BfdState::init) enter(BfdState::up, BfdDiagnostic::none, now);
    } else if (state_ == BfdState::init) {
        if (received != BfdState::down) enter(BfdState::up, BfdDiagnostic::none, now);
    } else if (received == BfdState::down) {
        enter(BfdState::down, BfdDiagnostic::neighbour_signalled_down, now);
    }
}

void BfdSession::advance(TimePoint now) {
    const auto deadline = detection_deadline();
    if (!deadline || now < *deadline) return;
    heard_.reset();
    remote_.my_discriminator = 0; // section 6.8.1
    if (state_ == BfdState::init || state_ == BfdState::up)
        enter(BfdState::down, BfdDiagnostic::detection_time_expired, now);
}

std::optional<BfdControl> BfdSession::transmit(TimePoint now) {
    BfdControl out = packet();
    if (final_due_) {
        final_due_.reset();
        out.final = true; // never together with a Poll of our own
        ++sent_;
        return out;
    }
    const auto due = transmit_deadline();
    if (!due || now < *due) return std::nullopt;
    out.poll = polling_;
    poll_sent_ = poll_sent_ || polling_;
    news_.reset();
    last_sent_ = now;
    // Section 6.8.7: 75 to 100 % of the interval; to 90 % where one lost packet counts.
    const std::uint32_t span = settings_.detect_multiplier == 1 ? 150 : 250;
    jittered_ = 750 + random_() % (span + 1);
    ++sent_;
    return out;
}

std::optional<TimePoint> BfdSession::next_deadline() const {
    return sooner(final_due_, sooner(transmit_deadline(), detection_deadline()));
}

void BfdSession::stop(TimePoint now) {
    enter(BfdState::admin_down, BfdDiagnostic::administratively_down, now);
    final_due_.reset();
    failed_ = false;
}

std::chrono::microseconds BfdSession::transmit_interval() const {
    return std::max(desired_min_tx(), Microseconds(remote_.required_min_rx));
}

std::chrono::microseconds BfdSession::detection_time() const {
    return remote_.detect_multiplier
           * std::max(settings_.required_min_rx, Microseconds(remote_.desired_min_tx));
}

void BfdSession::enter(BfdState state, BfdDiagnostic diagnostic, TimePoint now) {
    if (state_ == BfdState::up) failed_ = true;
    if (state == BfdState::up) failed_ = false;
    const Microseconds before = desired_min_tx();
    state_ = state;
    diagnostic_ = diagnostic;
    news_ = now;
    if (desired_min_tx() == before) return;
    // Section 6.8.3: it is agreed upon by a Poll sequence. That need not be waited for: it is
    // shorter, or the session is not up.
    poll_again_ = polling_ && poll_sent_;
    polling_ = true;
}

BfdSession::Microseconds BfdSession::desired_min_tx() const {
    return state_ == BfdState::up ? settings_.desired_min_tx
                                  : std::max(settings_.desired_min_tx, slow_interval);
}

void BfdSession::end_poll() {
    if (!polling_ || !poll_sent_) return;
    poll_sent_ = false;
    if (!std::exchange(poll_again_, false)) polling_ = false;
}

bool BfdSession::demand_active() const {
    return remote_.demand && state_ == BfdState::up && remote_.state == BfdState::up;
}

std::optional<TimePoint> BfdSession::detection_deadline() const {
    if (!heard_) return std::nullopt;
    return *heard_ + detection_time();
}

std::optional<TimePoint> BfdSession::transmit_deadline() const {
    // Section 6.8.7.
    if (remote_.required_min_rx == 0 || (demand_active() && !polling_)) return std::nullopt;
    const TimePoint periodic = last_sent_ + transmit_interval() * jittered_ / 1000;
    return news_ ? std::min(*news_, periodic) : periodic;
}

BfdControl BfdSession::packet() const {
    BfdControl out;
    out.diagnostic = diagnostic_;
    out.state = state_;
    out.detect_multiplier = settings_.detect_multiplier;
    out.my_discriminator = my_discriminator_;
    out.your_discriminator = remote_.my_discriminator;
    out.desired_min_tx = static_cast<std::uint32_t>(desired_min_tx().count());
    out.required_min_rx = static_cast<std::uint32_t>(settings_.required_min_rx.count());
    return out;
}

} // namespace sallyport::failover
