// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_loop.h"

#include "base/file_descriptor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace sallyport::control {
namespace {

using Clock = std::chrono::steady_clock;

std::string errno_text(int error) {
    return strerrordesc_np(error) != nullptr ? strerrordesc_np(error)
                                             : fmt::format("error {}", error);
}

// Steady clock and CLOCK_MONOTONIC are the same clock on Linux, which lets the timerfd take
// absolute times.
itimerspec one_shot_at(Clock::time_point due) {
    auto since_boot = due.time_since_epoch();
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
    itimerspec spec{};
    spec.it_value.tv_sec = seconds.count();
    spec.it_value.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
    return spec;
}

class EpollLoop final : public EventLoop {
  public:
    Expected<void> open();

    Expected<void> watch(int fd, std::function<void()> readable) override;
    void unwatch(int fd) override;
    TimerId every(std::chrono::milliseconds interval, std::function<void()> due) override;
    TimerId after(std::chrono::milliseconds delay, std::function<void()> due) override;
    void cancel(TimerId timer) override;
    void post(std::function<void()> work) override;
    void run() override;
    void stop() noexcept override;

  private:
    // Events carry a token, never a descriptor number: an event that epoll already handed out for
    // an unwatched descriptor must not reach whoever got the same number since.
    using Token = std::uint64_t;
    static constexpr Token timer_token = 0;
    static constexpr Token wake_token = 1;

    // Shared: the callback must outlive its own unwatch() or cancel() while it runs.
    using Callback = std::shared_ptr<std::function<void()>>;

    struct Watch {
        int fd = -1;
        Callback readable;
    };
    struct Timer {
        Clock::time_point due;
        std::chrono::milliseconds interval{};
        bool periodic = false;
        Callback callback;
    };
    // The id breaks ties, so that timers of the same moment run in the order they were set.
    using Due = std::pair<Clock::time_point, TimerId>;

    Expected<void> add(int fd, Token token) const;
    TimerId set(std::chrono::milliseconds delay, bool periodic, std::function<void()> due);
    void arm();
    void dispatch(Token token);
    void run_timers();
    void run_posted();
    void drain(int fd) const;

    base::FileDescriptor epoll_;
    base::FileDescriptor timer_;
    base::FileDescriptor wake_;
    std::atomic<bool> stopping_ = false;
    static_assert(std::atomic<bool>::is_always_lock_free, "stop() runs in signal handlers");

    std::unordered_map<Token, Watch> watches_;
    std::unordered_map<int, Token> token_by_fd_;
    Token next_token_ = wake_token + 1;

    std::unordered_map<TimerId, Timer> timers_;
    std::map<Due, TimerId> schedule_;
    TimerId next_timer_ = 1;
    Clock::time_point armed_{};

    std::mutex posted_mutex_;
    std::vector<std::function<void()>> posted_;
};

Expected<void> EpollLoop::open() {
    epoll_ = base::FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (epoll_.get() < 0) return failure("cannot create epoll: " + errno_text(errno));
    timer_ = base::FileDescriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (timer_.get() < 0) return failure("cannot create timerfd: " + errno_text(errno));
    wake_ = base::FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (wake_.get() < 0) return failure("cannot create eventfd: " + errno_text(errno));
    if (auto done = add(timer_.get(), timer_token); !done) return done;
    return add(wake_.get(), wake_token);
}

Expected<void> EpollLoop::add(int fd, Token token) const {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = token;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return failure(fmt::format("cannot watch descriptor {}: {}", fd, errno_text(errno)));
    return {};
}

Expected<void> EpollLoop::watch(int fd, std::function<void()> readable) {
    if (token_by_fd_.contains(fd))
        return failure(fmt::format("descriptor {} is already watched", fd));
    Token token = next_token_;
    if (auto done = add(fd, token); !done) return done;
    ++next_token_;
    watches_.emplace(token,
                     Watch{fd, std::make_shared<std::function<void()>>(std::move(readable))});
    token_by_fd_.emplace(fd, token);
    return {};
}

void EpollLoop::unwatch(int fd) {
    auto found = token_by_fd_.find(fd);
    if (found == token_by_fd_.end()) return;
    // Fails only for a descriptor that is closed, which took it out of epoll already.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(found->second);
    token_by_fd_.erase(found);
}

EventLoop::TimerId EpollLoop::set(std::chrono::milliseconds delay, bool periodic,
                                  std::function<void()> due) {
    TimerId id = next_timer_++;
    Timer timer{Clock::now() + delay, delay, periodic,
                std::make_shared<std::function<void()>>(std::move(due))};
    schedule_.emplace(Due{timer.due, id}, id);
    timers_.emplace(id, std::move(timer));
    return id;
}

EventLoop::TimerId EpollLoop::every(std::chrono::milliseconds interval, std::function<void()> due) {
    // A zero interval would never let the loop rest.
    return set(std::max(interval, std::chrono::milliseconds(1)), true, std::move(due));
}

EventLoop::TimerId EpollLoop::after(std::chrono::milliseconds delay, std::function<void()> due) {
    return set(std::max(delay, std::chrono::milliseconds(0)), false, std::move(due));
}

void EpollLoop::cancel(TimerId timer) {
    auto found = timers_.find(timer);
    if (found == timers_.end()) return;
    schedule_.erase(Due{found->second.due, timer});
    timers_.erase(found);
}

void EpollLoop::post(std::function<void()> work) {
    {
        std::lock_guard lock(posted_mutex_);
        posted_.push_back(std::move(work));
    }
    std::uint64_t one = 1;
    // Fails only when the counter is full: then the loop is awake anyway.
    [[maybe_unused]] auto written = ::write(wake_.get(), &one, sizeof(one));
}

void EpollLoop::stop() noexcept {
    int saved = errno;
    stopping_.store(true);
    std::uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(wake_.get(), &one, sizeof(one));
    errno = saved;
}

void EpollLoop::arm() {
    auto next = schedule_.empty() ? Clock::time_point{} : schedule_.begin()->first.first;
    if (next == armed_) return;
    itimerspec spec = schedule_.empty() ? itimerspec{} : one_shot_at(next);
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
    armed_ = next;
}

void EpollLoop::drain(int fd) const {
    std::uint64_t count = 0;
    [[maybe_unused]] auto taken = ::read(fd, &count, sizeof(count));
}

void EpollLoop::run_timers() {
    drain(timer_.get());
    armed_ = {};
    // What timers set for "now" waits for the next round, so that descriptors get their turn.
    auto now = Clock::now();
    while (!schedule_.empty() && schedule_.begin()->first.first <= now && !stopping_) {
        TimerId id = schedule_.begin()->second;
        schedule_.erase(schedule_.begin());
        auto found = timers_.find(id);
        Callback callback = found->second.callback;
        if (Timer& timer = found->second; timer.periodic) {
            // Beats that were missed while the loop was busy are skipped, not made up for.
            auto missed = (now - timer.due) / timer.interval;
            timer.due += timer.interval * (missed + 1);
            schedule_.emplace(Due{timer.due, id}, id);
        } else {
            timers_.erase(found);
        }
        (*callback)();
    }
}

void EpollLoop::run_posted() {
    drain(wake_.get());
    std::vector<std::function<void()>> work;
    {
        std::lock_guard lock(posted_mutex_);
        work.swap(posted_);
    }
    for (auto& item : work) {
        if (stopping_) return;
        item();
    }
}

void EpollLoop::dispatch(Token token) {
    if (token == timer_token) return run_timers();
    if (token == wake_token) return run_posted();
    auto found = watches_.find(token);
    if (found == watches_.end()) return;
    Callback readable = found->second.readable;
    (*readable)();
}

void EpollLoop::run() {
    std::array<epoll_event, 64> events{};
    while (!stopping_) {
        arm();
        int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count && !stopping_; ++i)
            dispatch(events[static_cast<std::size_t>(i)].data.u64);
    }
    stopping_ = false;
}

} // namespace

Expected<std::unique_ptr<EventLoop>> EventLoop::create() {
    auto loop = std::make_unique<EpollLoop>();
    if (auto opened = loop->open(); !opened) return tl::unexpected(opened.error());
    return loop;
}

} // namespace sallyport::control
