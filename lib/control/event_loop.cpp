// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_loop.h"

#include "base/errno_text.h"
#include "base/file_descriptor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace sallyport::control {
namespace {

using base::errno_text;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto moment = 100us;

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

/// Work posted by any thread, and an eventfd that says so.
class PostBox {
  public:
    using Work = std::vector<std::function<void()>>;

    Expected<void> open() {
        wake_ = base::FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        if (!wake_) return failure("cannot create eventfd: " + errno_text());
        return {};
    }
    [[nodiscard]] int fd() const { return wake_.get(); }

    void put(std::function<void()> work) {
        {
            std::lock_guard lock(mutex_);
            work_.push_back(std::move(work));
        }
        wake();
    }
    void wake() const noexcept {
        std::uint64_t one = 1;
        // Fails only when the counter is full: then the loop is awake anyway.
        [[maybe_unused]] auto written = ::write(wake_.get(), &one, sizeof(one));
    }
    Work take() {
        std::uint64_t count = 0;
        [[maybe_unused]] auto taken = ::read(wake_.get(), &count, sizeof(count));
        std::lock_guard lock(mutex_);
        return std::exchange(work_, {});
    }

  private:
    base::FileDescriptor wake_;
    std::mutex mutex_;
    Work work_;
};

class EpollLoop final : public EventLoop {
  public:
    Expected<void> open();

    Expected<void> watch(int fd, std::function<void()> readable) override {
        return watch_by(epoll_.get(), fd, std::move(readable));
    }
    Expected<void> watch_first(int fd, std::function<void()> readable) override {
        return watch_by(first_.get(), fd, std::move(readable));
    }
    void unwatch(int fd) override;
    TimerId every(std::chrono::milliseconds interval, std::function<void()> due) override;
    TimerId after(std::chrono::milliseconds delay, std::function<void()> due) override;
    void cancel(TimerId timer) override;
    void post(std::function<void()> work) override { posted_.put(std::move(work)); }
    void post_first(std::function<void()> work) override { posted_first_.put(std::move(work)); }
    void run_first() override { run_first_for(moment); }
    void run_aside(const std::function<void()>& work) override;
    void run() override;
    void stop() noexcept override;

  private:
    // Events carry a token, never a descriptor number: an event that epoll already handed out for
    // an unwatched descriptor must not reach whoever got the same number since.
    using Token = std::uint64_t;
    static constexpr Token timer_token = 0;
    static constexpr Token wake_token = 1;
    static constexpr Token wake_first_token = 2;
    static constexpr Token first_token = 3;

    // Shared: the callback must outlive its own unwatch() or cancel() while it runs.
    using Callback = std::shared_ptr<std::function<void()>>;

    struct Watch {
        int epoll = -1;
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

    Expected<void> watch_by(int epoll, int fd, std::function<void()> readable);
    static Expected<void> add(int epoll, int fd, Token token);
    /// @param longest to wait for something; absent: for ever
    void run_first_for(std::optional<std::chrono::nanoseconds> longest);
    /// All that does not go first.
    void call(const std::function<void()>& callback);
    TimerId set(std::chrono::milliseconds delay, bool periodic, std::function<void()> due);
    void arm();
    void dispatch(Token token);
    void run_timers();
    void run_posted();

    base::FileDescriptor epoll_;
    /// What goes first; itself in epoll_.
    base::FileDescriptor first_;
    base::FileDescriptor timer_;
    std::atomic<bool> stopping_ = false;
    static_assert(std::atomic<bool>::is_always_lock_free, "stop() runs in signal handlers");

    std::unordered_map<Token, Watch> watches_;
    std::unordered_map<int, Token> token_by_fd_;
    Token next_token_ = first_token + 1;

    std::unordered_map<TimerId, Timer> timers_;
    std::map<Due, TimerId> schedule_;
    TimerId next_timer_ = 1;
    Clock::time_point armed_{};

    PostBox posted_;
    PostBox posted_first_;
    bool first_runs_ = false;
};

Expected<void> EpollLoop::open() {
    epoll_ = base::FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    first_ = base::FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_ || !first_) return failure("cannot create epoll: " + errno_text());
    timer_ = base::FileDescriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!timer_) return failure("cannot create timerfd: " + errno_text());
    for (PostBox* box : {&posted_, &posted_first_})
        if (auto opened = box->open(); !opened) return opened;
    if (auto done = add(first_.get(), posted_first_.fd(), wake_first_token); !done) return done;
    if (auto done = add(epoll_.get(), first_.get(), first_token); !done) return done;
    if (auto done = add(epoll_.get(), timer_.get(), timer_token); !done) return done;
    return add(epoll_.get(), posted_.fd(), wake_token);
}

Expected<void> EpollLoop::add(int epoll, int fd, Token token) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = token;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        return failure(fmt::format("cannot watch descriptor {}: {}", fd, errno_text()));
    return {};
}

Expected<void> EpollLoop::watch_by(int epoll, int fd, std::function<void()> readable) {
    if (token_by_fd_.contains(fd))
        return failure(fmt::format("descriptor {} is already watched", fd));
    Token token = next_token_;
    if (auto done = add(epoll, fd, token); !done) return done;
    ++next_token_;
    watches_.emplace(
        token, Watch{epoll, fd, std::make_shared<std::function<void()>>(std::move(readable))});
    token_by_fd_.emplace(fd, token);
    return {};
}

void EpollLoop::unwatch(int fd) {
    auto found = token_by_fd_.find(fd);
    if (found == token_by_fd_.end()) return;
    const auto watch = watches_.find(found->second);
    // Fails only for a descriptor that is closed, which took it out of epoll already.
    ::epoll_ctl(watch->second.epoll, EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(watch);
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

void EpollLoop::stop() noexcept {
    int saved = errno;
    stopping_.store(true);
    posted_.wake();
    errno = saved;
}

void EpollLoop::run_first_for(std::optional<std::chrono::nanoseconds> longest) {
    if (std::exchange(first_runs_, true)) return;
    struct Runs {
        ~Runs() { flag = false; }
        bool& flag;
    };
    const Runs runs{first_runs_};
    std::array<epoll_event, 16> events{};
    if (longest != 0ns) {
        pollfd first{first_.get(), POLLIN, 0};
        const timespec limit{0, longest.value_or(0ns).count()};
        ::ppoll(&first, 1, longest ? &limit : nullptr, nullptr);
    }
    // One look: what is readable for ever must not keep the others from their turn.
    const int count = ::epoll_wait(first_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i)
        dispatch(events[static_cast<std::size_t>(i)].data.u64);
}

void EpollLoop::run_aside(const std::function<void()>& work) {
    std::exception_ptr thrown;
    bool done = false;
    std::thread helper;
    try {
        if (!first_runs_)
            helper = std::thread([&] {
                try {
                    work();
                } catch (...) {
                    thrown = std::current_exception();
                }
                post_first([&done] { done = true; });
            });
    } catch (const std::system_error&) {
        // Without a thread it is done here, though others wait.
    }
    if (!helper.joinable()) return work();
    while (!done)
        run_first_for(std::nullopt);
    helper.join();
    if (thrown) std::rethrow_exception(thrown);
}

void EpollLoop::call(const std::function<void()>& callback) {
    run_first_for(0ns);
    if (!stopping_) callback();
}

void EpollLoop::arm() {
    auto next = schedule_.empty() ? Clock::time_point{} : schedule_.begin()->first.first;
    if (next == armed_) return;
    itimerspec spec = schedule_.empty() ? itimerspec{} : one_shot_at(next);
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
    armed_ = next;
}

void EpollLoop::run_timers() {
    std::uint64_t count = 0;
    [[maybe_unused]] auto taken = ::read(timer_.get(), &count, sizeof(count));
    armed_ = {};
    // What timers set for "now" waits for the next round, so that descriptors get their turn.
    auto now = Clock::now();
    for (;;) {
        // It may cancel what is due.
        run_first_for(0ns);
        if (schedule_.empty() || schedule_.begin()->first.first > now || stopping_) return;
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

void EpollLoop::dispatch(Token token) {
    switch (token) {
    case timer_token:
        return run_timers();
    case wake_token:
        for (const auto& work : posted_.take())
            call(work);
        return;
    case wake_first_token:
        for (const auto& work : posted_first_.take())
            work();
        return;
    case first_token:
        return run_first_for(0ns);
    default:
        break;
    }
    const auto found = watches_.find(token);
    if (found == watches_.end()) return;
    const Callback readable = found->second.readable;
    if (found->second.epoll == first_.get()) return (*readable)();
    // It may be unwatched by what goes first.
    call([&] {
        if (watches_.contains(token)) (*readable)();
    });
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
