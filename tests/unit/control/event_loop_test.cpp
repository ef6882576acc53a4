// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_loop.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

namespace sallyport::control {
namespace {

using namespace std::chrono_literals;

class EventLoopTest : public ::testing::Test {
  protected:
    void SetUp() override {
        auto made = EventLoop::create();
        ASSERT_TRUE(made) << made.error().message();
        loop = std::move(*made);
        // A loop that hangs fails the test instead of the whole run.
        loop->after(10s, [this] {
            timed_out = true;
            loop->stop();
        });
    }
    void run() {
        loop->run();
        EXPECT_FALSE(timed_out) << "the loop never ended";
    }

    std::unique_ptr<EventLoop> loop;
    bool timed_out = false;
};

class Event {
  public:
    Event() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    ~Event() { close(); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void raise() const { ASSERT_EQ(0, ::eventfd_write(fd_, 1)); }
    void drain() const {
        eventfd_t value = 0;
        ::eventfd_read(fd_, &value);
    }
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

TEST_F(EventLoopTest, TimersRunInOrderOfTheirTimeNotOfTheirSetting) {
    std::string order;
    loop->after(30ms, [&] {
        order += "c";
        loop->stop();
    });
    loop->after(10ms, [&] { order += "a"; });
    loop->after(20ms, [&] { order += "b"; });
    run();
    EXPECT_EQ(order, "abc");
}

TEST_F(EventLoopTest, TimersOfTheSameDelayRunInOrderOfTheirSetting) {
    std::vector<int> order;
    for (int i = 0; i < 50; ++i)
        loop->after(5ms, [&order, i] { order.push_back(i); });
    loop->after(6ms, [&] { loop->stop(); });
    run();
    ASSERT_EQ(order.size(), 50U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(EventLoopTest, ATimerIsNeverEarly) {
    auto start = std::chrono::steady_clock::now();
    loop->after(25ms, [&] { loop->stop(); });
    run();
    EXPECT_GE(std::chrono::steady_clock::now() - start, 25ms);
}

TEST_F(EventLoopTest, APeriodicTimerRunsUntilItCancelsItself) {
    int beats = 0;
    EventLoop::TimerId timer = loop->every(2ms, [&] {
        if (++beats == 3) loop->cancel(timer);
    });
    loop->after(40ms, [&] { loop->stop(); });
    run();
    EXPECT_EQ(beats, 3);
}

TEST_F(EventLoopTest, APeriodicTimerSkipsTheBeatsThatTheLoopMissed) {
    int beats = 0;
    loop->every(10ms, [&] {
        if (++beats == 1) std::this_thread::sleep_for(200ms); // the loop is busy for 20 beats
    });
    loop->after(215ms, [&] { loop->stop(); });
    run();
    EXPECT_GE(beats, 2);
    EXPECT_LE(beats, 4);
}

TEST_F(EventLoopTest, ATimerCancelledByAnotherOfTheSameMomentDoesNotRun) {
    bool ran = false;
    EventLoop::TimerId second = 0;
    loop->after(5ms, [&] {
        std::this_thread::sleep_for(20ms); // both are due now
        loop->cancel(second);
    });
    second = loop->after(6ms, [&] { ran = true; });
    loop->after(40ms, [&] { loop->stop(); });
    run();
    EXPECT_FALSE(ran);
}

TEST_F(EventLoopTest, CancellingAnUnknownOrFinishedTimerIsHarmless) {
    int runs = 0;
    EventLoop::TimerId timer = loop->after(1ms, [&] { ++runs; });
    loop->after(5ms, [&] {
        loop->cancel(timer);
        loop->cancel(timer);
        loop->cancel(987654);
        loop->stop();
    });
    run();
    EXPECT_EQ(runs, 1);
}

TEST_F(EventLoopTest, AWatchedDescriptorIsReportedUntilItIsDrained) {
    Event event;
    int calls = 0;
    ASSERT_TRUE(loop->watch(event.fd(), [&] {
        if (++calls < 3) return; // not drained: reported again
        event.drain();
        loop->after(20ms, [&] { loop->stop(); });
    }));
    event.raise();
    run();
    EXPECT_EQ(calls, 3);
}

TEST_F(EventLoopTest, AHangUpIsReported) {
    std::array<int, 2> ends{};
    ASSERT_EQ(0, ::pipe(ends.data()));
    bool called = false;
    ASSERT_TRUE(loop->watch(ends[0], [&] {
        called = true;
        loop->unwatch(ends[0]);
        loop->stop();
    }));
    ::close(ends[1]);
    run();
    EXPECT_TRUE(called);
    ::close(ends[0]);
}

TEST_F(EventLoopTest, ACallbackMayUnwatchADescriptorWhoseEventIsPending) {
    Event first;
    Event second;
    int calls = 0;
    auto unwatch_both = [&] {
        ++calls;
        loop->unwatch(first.fd());
        loop->unwatch(second.fd());
        loop->after(10ms, [&] { loop->stop(); });
    };
    ASSERT_TRUE(loop->watch(first.fd(), unwatch_both));
    ASSERT_TRUE(loop->watch(second.fd(), unwatch_both));
    first.raise();
    second.raise(); // both ready before the loop runs: one epoll_wait returns both
    run();
    EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, APendingEventDoesNotReachTheNextOwnerOfTheDescriptorNumber) {
    auto first = std::make_unique<Event>();
    auto second = std::make_unique<Event>();
    int old_calls = 0;
    int new_calls = 0;
    // Whichever runs first replaces the other's descriptor by a fresh one of the same number.
    auto replace = [&](std::unique_ptr<Event>& other) {
        ++old_calls;
        loop->unwatch(first->fd());
        loop->unwatch(second->fd());
        int number = other->fd();
        other->close();
        other = std::make_unique<Event>();
        ASSERT_EQ(other->fd(), number) << "the kernel gives the lowest free number";
        ASSERT_TRUE(loop->watch(other->fd(), [&] { ++new_calls; }));
        loop->after(10ms, [&] { loop->stop(); });
    };
    ASSERT_TRUE(loop->watch(first->fd(), [&] { replace(second); }));
    ASSERT_TRUE(loop->watch(second->fd(), [&] { replace(first); }));
    first->raise();
    second->raise();
    run();
    EXPECT_EQ(old_calls, 1);
    EXPECT_EQ(new_calls, 0);
}

TEST_F(EventLoopTest, ACallbackThatUnwatchesItselfKeepsItsOwnState) {
    Event event;
    auto big = std::make_shared<std::string>(1000, 'x');
    std::weak_ptr<std::string> state = big;
    std::size_t seen = 0;
    ASSERT_TRUE(loop->watch(event.fd(), [&loop = *loop, &seen, &event, big = std::move(big)] {
        loop.unwatch(event.fd());
        seen = big->size(); // under ASan: use after free if the callback died with its watch
        loop.stop();
    }));
    event.raise();
    run();
    EXPECT_EQ(seen, 1000U);
    EXPECT_TRUE(state.expired()) << "an unwatched callback is freed";
}

TEST_F(EventLoopTest, WatchingTwiceIsRefused) {
    Event event;
    ASSERT_TRUE(loop->watch(event.fd(), [] {}));
    EXPECT_FALSE(loop->watch(event.fd(), [] {}));
    loop->unwatch(event.fd());
    EXPECT_TRUE(loop->watch(event.fd(), [] {}));
}

TEST_F(EventLoopTest, WatchingABadDescriptorIsRefusedAndLeavesNothing) {
    auto refused = loop->watch(-1, [] {});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("Bad file descriptor"), std::string::npos);
    EXPECT_FALSE(loop->watch(-1, [] {}));
}

TEST_F(EventLoopTest, WorkPostedByManyThreadsRunsOnceEachOnTheLoopsThread) {
    constexpr int threads = 4;
    constexpr int each = 2000;
    std::atomic<int> wrong_thread = 0;
    int done = 0; // no lock: only the loop's thread touches it
    auto here = std::this_thread::get_id();
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; ++t)
        posters.emplace_back([&] {
            for (int i = 0; i < each; ++i)
                loop->post([&] {
                    if (std::this_thread::get_id() != here) ++wrong_thread;
                    if (++done == threads * each) loop->stop();
                });
        });
    run();
    for (auto& poster : posters)
        poster.join();
    EXPECT_EQ(done, threads * each);
    EXPECT_EQ(wrong_thread, 0);
}

TEST_F(EventLoopTest, PostedWorkKeepsItsOrderAndMayPostMore) {
    std::string order;
    loop->post([&] {
        order += "a";
        loop->post([&] {
            order += "c";
            loop->stop();
        });
    });
    loop->post([&] { order += "b"; });
    run();
    EXPECT_EQ(order, "abc");
}

TEST_F(EventLoopTest, WorkPostedAfterTheEndIsDropped) {
    auto state = std::make_shared<int>(0);
    loop->post([&] { loop->stop(); });
    run();
    loop->post([state] { *state = 1; });
    loop.reset();
    EXPECT_EQ(*state, 0);
    EXPECT_EQ(state.use_count(), 1) << "dropped work is freed";
}

TEST_F(EventLoopTest, ABusyDescriptorDoesNotStarveTimers) {
    Event event;
    std::uint64_t calls = 0;
    ASSERT_TRUE(loop->watch(event.fd(), [&] { ++calls; })); // never drained
    event.raise();
    loop->after(20ms, [&] { loop->stop(); });
    run();
    EXPECT_GT(calls, 0U);
}

EventLoop* signalled_loop = nullptr;

TEST_F(EventLoopTest, StopWorksFromASignalHandler) {
    signalled_loop = loop.get();
    struct sigaction action = {};
    struct sigaction before = {};
    action.sa_handler = [](int) { signalled_loop->stop(); };
    ASSERT_EQ(0, ::sigaction(SIGUSR1, &action, &before));
    auto target = ::pthread_self();
    std::atomic<bool> running = false;
    loop->post([&] { running = true; });
    std::thread killer([&] {
        while (!running)
            std::this_thread::yield();
        ::pthread_kill(target, SIGUSR1);
    });
    run();
    killer.join();
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(EventLoopTest, StopFromAnotherThreadWakesALoopThatWaits) {
    auto start = std::chrono::steady_clock::now();
    std::atomic<bool> running = false;
    loop->post([&] { running = true; });
    auto state_file = "/proc/self/task/" + std::to_string(::gettid()) + "/stat";
    auto asleep = [&] {
        std::string text;
        std::getline(std::ifstream(state_file), text);
        return text.find(") S ") != std::string::npos;
    };
    std::thread stopper([&] {
        while (!running || !asleep())
            std::this_thread::yield();
        loop->stop();
    });
    run();
    stopper.join();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s) << "woken by the watchdog's timer only";
}

TEST_F(EventLoopTest, ItRunsAgainAfterAStop) {
    loop->post([&] { loop->stop(); });
    run();
    bool ran = false;
    loop->post([&] {
        ran = true;
        loop->stop();
    });
    run();
    EXPECT_TRUE(ran);
}

TEST_F(EventLoopTest, StopBeforeRunMeansRunReturnsAtOnce) {
    bool ran = false;
    loop->post([&] { ran = true; });
    loop->stop();
    run();
    EXPECT_FALSE(ran);
}

TEST(EventLoopCreate, TellsWhyItFails) {
    rlimit before{};
    ASSERT_EQ(0, ::getrlimit(RLIMIT_NOFILE, &before));
    rlimit none = before;
    none.rlim_cur = 0;
    ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &none));
    auto made = EventLoop::create();
    ::setrlimit(RLIMIT_NOFILE, &before);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().what.find("Too many open files"), std::string::npos)
        << made.error().message();
}

TEST_F(EventLoopTest, WhatGoesFirstDoesSoBeforeAllThatWaits) {
    std::string order;
    Event usual;
    Event urgent;
    ASSERT_TRUE(loop->watch(usual.fd(), [&] {
        usual.drain();
        order += "u";
    }));
    ASSERT_TRUE(loop->watch_first(urgent.fd(), [&] {
        urgent.drain();
        order += "F";
    }));
    loop->post([&] {
        order += "a";
        urgent.raise();
    });
    loop->post([&] { order += "b"; });
    loop->post([&] { loop->post_first([&] { order += "P"; }); });
    loop->post([&] { order += "c"; });
    loop->after(30ms, [&] { loop->stop(); });
    usual.raise();
    run();
    order.erase(std::remove(order.begin(), order.end(), 'u'), order.end());
    EXPECT_EQ(order, "aFbPc");
    loop->unwatch(urgent.fd());
    urgent.raise();
    loop->run_first();
    EXPECT_EQ(order, "aFbPc") << "it is watched no more";
}

TEST_F(EventLoopTest, ALongCallbackLetsInWhatGoesFirstAndNothingElse) {
    std::string order;
    loop->post([&] {
        loop->post([&] { order += "later"; });
        loop->after(0ms, [&] { order += "timer"; });
        loop->post_first([&] {
            order += "first ";
            loop->run_first();
        });
        std::this_thread::sleep_for(2ms);
        loop->run_first();
        order += "end ";
        loop->after(20ms, [&] { loop->stop(); });
    });
    run();
    EXPECT_EQ(order.substr(0, 10), "first end ");
    EXPECT_EQ(order.size(), 20U);
}

TEST_F(EventLoopTest, WorkAsideKeepsNobodyWhoGoesFirst) {
    std::atomic<bool> came = false;
    std::thread::id where;
    loop->post_first([&] { came = true; });
    loop->run_aside([&] {
        where = std::this_thread::get_id();
        const auto deadline = std::chrono::steady_clock::now() + 5s;
        while (!came && std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
    });
    EXPECT_TRUE(came);
    EXPECT_NE(where, std::this_thread::get_id());
    EXPECT_THROW(loop->run_aside([] { throw std::runtime_error("the work's"); }),
                 std::runtime_error);
    loop->post_first([&] { loop->run_aside([&] { where = std::this_thread::get_id(); }); });
    loop->run_first();
    EXPECT_EQ(where, std::this_thread::get_id()) << "those that go first wait for nobody";
}

TEST_F(EventLoopTest, ATimerThatIsCancelledByWhatGoesFirstDoesNotRun) {
    bool ran = false;
    EventLoop::TimerId timer = 0;
    loop->after(1ms, [&] {
        loop->post_first([&] { loop->cancel(timer); });
        std::this_thread::sleep_for(5ms);
    });
    timer = loop->after(2ms, [&] { ran = true; });
    loop->after(30ms, [&] { loop->stop(); });
    run();
    EXPECT_FALSE(ran);
}

} // namespace
} // namespace sallyport::control
