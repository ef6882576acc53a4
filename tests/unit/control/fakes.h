// SPDX-License-Identifier: BSD-3-Clause
// Stand-ins for the parts around the control library's own: a loop with a clock that tests turn, a
// kernel that says what tests tell it, and a path that remembers or refuses.
#pragma once

#include "control/event_loop.h"
#include "overlay/path.h"
#include "underlay/kernel_watch.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace sallyport::control::fakes {

/// Timers run when the test turns the clock; nothing else happens by itself.
class Loop final : public EventLoop {
  public:
    Expected<void> watch(int fd, std::function<void()> readable) override {
        watched[fd] = std::move(readable);
        return {};
    }
    Expected<void> watch_first(int fd, std::function<void()> readable) override {
        return watch(fd, std::move(readable));
    }
    void unwatch(int fd) override { watched.erase(fd); }
    TimerId every(std::chrono::milliseconds interval, std::function<void()> due) override {
        timers[++last_] = {now + interval, interval, std::move(due)};
        return last_;
    }
    TimerId after(std::chrono::milliseconds delay, std::function<void()> due) override {
        timers[++last_] = {now + delay, std::chrono::milliseconds(0), std::move(due)};
        return last_;
    }
    void cancel(TimerId timer) override { timers.erase(timer); }
    void post(std::function<void()> work) override { posted.push_back(std::move(work)); }
    void post_first(std::function<void()> work) override { post(std::move(work)); }
    void run_first() override {}
    void run_aside(const std::function<void()>& work) override { work(); }
    void run() override {}
    void stop() noexcept override {}

    void turn(std::chrono::milliseconds by) {
        auto until = now + by;
        for (;;) {
            auto next =
                std::min_element(timers.begin(), timers.end(), [](const auto& a, const auto& b) {
                    return a.second.due < b.second.due;
                });
            if (next == timers.end() || next->second.due > until) break;
            now = next->second.due;
            auto callback = next->second.callback;
            if (next->second.interval.count() > 0)
                next->second.due += next->second.interval;
            else
                timers.erase(next);
            callback();
        }
        now = until;
    }

    struct Timer {
        std::chrono::milliseconds due;
        std::chrono::milliseconds interval;
        std::function<void()> callback;
    };
    std::chrono::milliseconds now{0};
    std::map<TimerId, Timer> timers;
    std::map<int, std::function<void()>> watched;
    std::vector<std::function<void()>> posted;

  private:
    TimerId last_ = 0;
};

/// Calls back only when the test says so, except for the first word on a carrier.
class Kernel final : public underlay::KernelWatch {
  public:
    [[nodiscard]] int fd() const override { return -1; }
    void process() override {}
    [[nodiscard]] int links_fd() const override { return -1; }
    void process_links() override {}
    Expected<void> use_host_interface(const std::string&) override { return {}; }
    void watch_destination(const net::IpAddress& destination) override {
        destinations.insert(destination);
        if (auto known = routes.find(destination); known != routes.end() && told)
            told(destination, known->second);
    }
    void unwatch_destination(const net::IpAddress& destination) override {
        destinations.erase(destination);
    }
    void retry_unresolved() override {}
    Expected<void> watch_carrier(const std::string& interface) override {
        auto known = carriers.find(interface);
        if (known == carriers.end()) return failure("there is no interface " + interface);
        watched_carriers.insert(interface);
        if (carrier_told) carrier_told(interface, known->second, {});
        return {};
    }
    void unwatch_carrier(const std::string& interface) override {
        watched_carriers.erase(interface);
    }

    std::function<void(const net::IpAddress&, const underlay::Resolution&)> told;
    std::function<void(const std::string&, bool, Clock::time_point)> carrier_told;
    std::map<net::IpAddress, underlay::Resolution> routes;
    std::map<std::string, bool> carriers;
    std::set<net::IpAddress> destinations;
    std::set<std::string> watched_carriers;
};

/// Takes every change, up to where the test lets it fail.
class Path final : public overlay::Path {
  public:
    Expected<void> apply(std::span<const overlay::RowChange> wanted,
                         std::size_t* applied) override {
        if (applied != nullptr) *applied = 0;
        for (const auto& change : wanted) {
            if (refuse && refuse(change)) return failure("refused by the test's path");
            changes.push_back(change);
            if (applied != nullptr) ++*applied;
        }
        return {};
    }
    [[nodiscard]] std::optional<std::chrono::seconds>
    idle_time(overlay::TenantId, const net::MacAddress& mac) override {
        auto found = idle.find(mac);
        return found == idle.end() ? std::nullopt : std::optional(found->second);
    }
    void take_learned(std::vector<overlay::LearnEvent>& events, std::size_t most) override {
        auto count = std::min(most, learned.size());
        events.insert(events.end(), learned.begin(),
                      learned.begin() + static_cast<std::ptrdiff_t>(count));
        learned.erase(learned.begin(), learned.begin() + static_cast<std::ptrdiff_t>(count));
    }

    template<class Row>
    [[nodiscard]] std::optional<Row> last_put() const {
        for (auto change = changes.rbegin(); change != changes.rend(); ++change)
            if (const auto* row = std::get_if<Row>(&change->row);
                row != nullptr && change->kind == overlay::RowChange::Kind::put)
                return *row;
        return std::nullopt;
    }

    std::function<bool(const overlay::RowChange&)> refuse;
    std::vector<overlay::RowChange> changes;
    std::vector<overlay::LearnEvent> learned;
    std::map<net::MacAddress, std::chrono::seconds> idle;
};

inline net::IpAddress ip(const std::string& text) {
    return net::IpAddress::parse(text).value();
}
inline net::MacAddress mac(const std::string& text) {
    return net::MacAddress::parse(text).value();
}

} // namespace sallyport::control::fakes
