// SPDX-License-Identifier: BSD-3-Clause
// Random sequences of events, judged by a model that keeps no more than the history of each uplink.
#include "failover/state_machine.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sallyport::failover {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Uplink = std::optional<UplinkIndex>;

/// One uplink as the outside world has it, in milliseconds.
struct World {
    bool present = true;
    bool administrative = true;
    bool link = false;
    std::array<bool, detector_count> failed{};
    int link_changed = 0;
    /// Since its last change from not usable.
    int usable_since = 0;
    int losses = 0;

    bool certain_fault() const { return !present || !administrative || failed[0] || failed[1]; }
    bool usable() const { return !certain_fault() && link; }
};

class Oracle {
  public:
    explicit Oracle(const StateMachineSettings& settings) : settings_(settings) {}

    std::array<World, uplink_count> world;

    /// Runs a change of one uplink, and keeps its history.
    template<class Change>
    void apply(UplinkIndex uplink, int now, Change change) {
        World& one = world[uplink];
        const World before = one;
        change(one);
        if (one.link != before.link) one.link_changed = now;
        if (!before.usable() && one.usable()) one.usable_since = now;
        if (before.usable() && !one.usable() && one.administrative == before.administrative) {
            if (now - before.usable_since >= hold(before.losses) + ms(settings_.hold_down_quiet))
                one.losses = 0;
            ++one.losses;
        }
    }

    /// The active one may stay.
    bool tenable(UplinkIndex uplink, int now) const {
        const World& one = world[uplink];
        return one.usable()
               || (!one.certain_fault() && now - one.link_changed < ms(settings_.downdelay));
    }
    /// It was long enough without trouble to preempt.
    bool settled(UplinkIndex uplink, int now) const {
        const World& one = world[uplink];
        return one.usable() && now - one.link_changed >= ms(settings_.updelay)
               && now - one.usable_since >= hold(one.losses);
    }
    int hold(int losses) const {
        if (losses == 0) return 0;
        const double doubled =
            static_cast<double>(ms(settings_.hold_down_base)) * std::exp2(std::min(losses - 1, 60));
        return static_cast<int>(
            std::min(doubled, static_cast<double>(ms(settings_.hold_down_limit))));
    }

  private:
    static int ms(Milliseconds time) { return static_cast<int>(time.count()); }
    StateMachineSettings settings_;
};

class RandomEvents : public testing::TestWithParam<unsigned> {
  protected:
    static constexpr int steps = 30'000;

    int number(int from, int to) { return std::uniform_int_distribution(from, to)(random_); }
    static TimePoint at(int now) { return TimePoint{} + Milliseconds(now); }

    StateMachineSettings some_settings() {
        StateMachineSettings some;
        if (number(0, 4) > 0) some.primary = static_cast<UplinkIndex>(number(0, 1));
        some.preempt = static_cast<Preempt>(number(0, 2));
        some.updelay = Milliseconds(number(0, 1) * number(0, 40));
        some.downdelay = Milliseconds(number(0, 1) * number(0, 40));
        some.hold_down_base = Milliseconds(number(0, 3) == 0 ? 0 : number(1, 30));
        some.hold_down_limit = Milliseconds(number(0, 400));
        some.hold_down_quiet = Milliseconds(number(0, 400));
        return some;
    }

    /// One event to both; good and bad news alike often, so that all is well often enough.
    std::optional<Switch> event() {
        const auto uplink = static_cast<UplinkIndex>(number(0, 1));
        const bool good = number(0, 2) > 0;
        switch (number(0, 9)) {
        case 0:
        case 1:
        case 2:
            oracle_.apply(uplink, now_, [&](World& one) { one.link = good; });
            return machine_.link(uplink, good, at(now_));
        case 3: {
            const bool second = number(0, 1) == 1;
            oracle_.apply(0, now_, [&](World& one) { one.link = good; });
            oracle_.apply(1, now_, [&](World& one) { one.link = second; });
            return machine_.links({good, second}, at(now_));
        }
        case 4:
            oracle_.apply(uplink, now_, [&](World& one) { one.administrative = good; });
            return machine_.administrative(uplink, good, at(now_));
        case 5:
            oracle_.apply(uplink, now_, [&](World& one) {
                one.present = good;
                one.link = one.link && good;
            });
            return machine_.present(uplink, good, at(now_));
        case 6:
        case 7: {
            const int detector = number(0, 1);
            oracle_.apply(uplink, now_, [&](World& one) { one.failed[detector] = !good; });
            return machine_.detected(uplink, static_cast<Detector>(detector), !good, at(now_));
        }
        default:
            return machine_.advance(at(now_));
        }
    }

    /// The next thing that happens, as in the event loop: it wakes at the deadline, unless an event
    /// comes first.
    void take_step() {
        const auto deadline = machine_.next_deadline();
        if (deadline) {
            ASSERT_GT(*deadline, at(now_)) << "it would wake for nothing";
        }
        before_ = machine_.active();
        requested_ = number(0, 79) == 0;
        const int next = now_ + (number(0, 3) == 0 ? number(0, 600) : number(0, 12));
        if (requested_) {
            request();
        } else if (deadline && *deadline <= at(next) && number(0, 9) > 0) {
            now_ = static_cast<int>((*deadline - at(0)) / Milliseconds(1));
            done_ = machine_.advance(*deadline);
            ASSERT_TRUE(done_) << "the deadline was one";
        } else {
            now_ = next;
            done_ = event();
        }
    }

    void check_state() {
        const Uplink active = machine_.active();
        for (const UplinkIndex i : {0, 1})
            ASSERT_EQ(machine_.usable(i), oracle_.world[i].usable());
        ASSERT_EQ(done_.has_value(), before_ != active) << "what it says is what it did";
        if (!active) {
            ASSERT_FALSE(oracle_.world[0].usable() || oracle_.world[1].usable())
                << "none is active while one is usable";
            return;
        }
        if (requested_) return; // takes no time, and nothing was judged
        ASSERT_TRUE(oracle_.tenable(*active, now_)) << "a dead one is active";
        const bool may_preempt =
            settings_.preempt == Preempt::always
            || (settings_.preempt == Preempt::failure && !oracle_.world[*active].usable());
        if (settings_.primary && active != settings_.primary && may_preempt && !pinned_) {
            ASSERT_FALSE(oracle_.settled(*settings_.primary, now_)) << "the primary waits in vain";
        }
    }

    void check_switch() {
        ASSERT_EQ(done_->from, before_);
        ASSERT_EQ(done_->to, machine_.active());
        ASSERT_EQ(done_->reason == Reason::requested, requested_);
        ASSERT_EQ(done_->reason == Reason::all_down, !done_->to);
        ASSERT_EQ(done_->reason == Reason::start, switches_ == 1);
        if (!done_->to) return;
        ASSERT_TRUE(oracle_.world[*done_->to].usable()) << "switched to a dead one";
        if (!before_ || requested_ || !oracle_.tenable(*before_, now_)) return;
        // It was left although it could have stayed.
        ASSERT_EQ(done_->to, settings_.primary);
        ASSERT_NE(settings_.preempt, Preempt::never);
        ASSERT_EQ(done_->reason == Reason::preempted, oracle_.world[*before_].usable());
        ASSERT_TRUE(settings_.preempt == Preempt::always || !oracle_.world[*before_].usable());
        ASSERT_FALSE(pinned_) << "an operator's request was undone";
        ASSERT_TRUE(oracle_.settled(*done_->to, now_)) << "earlier than the delays allow";
        ASSERT_GE(now_ - preempted_at_, oracle_.hold(oracle_.world[*done_->to].losses))
            << "more often than hold-down allows";
        preempted_at_ = now_;
        ++preemptions_;
    }

    std::mt19937 random_{GetParam()};
    StateMachineSettings settings_ = some_settings();
    StateMachine machine_{settings_};
    Oracle oracle_{settings_};
    int now_ = 1'000;
    int switches_ = 0;
    int preemptions_ = 0;
    int preempted_at_ = 0;
    /// The active one was asked for.
    bool pinned_ = false;
    // Of the latest step:
    Uplink before_;
    bool requested_ = false;
    std::optional<Switch> done_;

  private:
    void request() {
        const auto result = machine_.request_switch();
        ASSERT_NE(result.done.has_value(), result.refused.has_value());
        ASSERT_EQ(result.done.has_value(), before_ && oracle_.world[1U - *before_].usable());
        done_ = result.done;
        if (done_) oracle_.world[0].losses = oracle_.world[1].losses = 0;
    }
};

TEST_P(RandomEvents, InvariantsHold) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    for (int step = 0; step < steps; ++step) {
        SCOPED_TRACE("step " + std::to_string(step));
        take_step();
        check_state();
        if (done_) {
            ++switches_;
            check_switch();
            pinned_ = requested_;
        }
        if (HasFatalFailure()) return;
    }
    // The sequence must have been one that exercises the machine.
    EXPECT_GT(switches_, 1000);
    if (settings_.primary && settings_.preempt == Preempt::always) {
        EXPECT_GT(preemptions_, 20);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomEvents, testing::Range(1U, 41U));

} // namespace
} // namespace sallyport::failover
