// SPDX-License-Identifier: BSD-3-Clause
// The control thread's loop: file descriptors, timers, and work posted by other threads, on epoll.
#pragma once

#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace sallyport::control {

/// Owned by the control thread. Only post(), post_first() and stop() may be called from other
/// threads (stop() from signal handlers too). Callbacks may add and remove watches and timers,
/// their own included.
///
/// What goes first does so before each callback of all else, and wherever one of those that take
/// long lets it: by run_first() and run_aside(). It is for what traffic waits for: links.
class EventLoop {
  public:
    static Expected<std::unique_ptr<EventLoop>> create();
    virtual ~EventLoop() = default;

    /// Calls @p readable whenever the descriptor is readable, has hung up or has failed.
    /// @param fd owned by the caller, who unwatches it before closing it
    virtual Expected<void> watch(int fd, std::function<void()> readable) = 0;
    /// The same, and goes first.
    virtual Expected<void> watch_first(int fd, std::function<void()> readable) = 0;
    virtual void unwatch(int fd) = 0;

    using TimerId = std::uint64_t;
    virtual TimerId every(std::chrono::milliseconds interval, std::function<void()> due) = 0;
    virtual TimerId after(std::chrono::milliseconds delay, std::function<void()> due) = 0;
    virtual void cancel(TimerId timer) = 0;

    /// Runs @p work on the control thread, soon. Work posted after the loop has ended is dropped.
    virtual void post(std::function<void()> work) = 0;
    /// The same, and goes first.
    virtual void post_first(std::function<void()> work) = 0;

    /// Runs what goes first and is due, from within any other callback, which must bear that links
    /// change meanwhile. Within one of those that go first it does nothing. Waits for it a moment,
    /// in which ordinary threads have the processor that one with a real-time priority keeps from
    /// them.
    virtual void run_first() = 0;
    /// Runs @p work, which must share nothing with any callback, on a thread of its own, and what
    /// goes first meanwhile. @p work is done when it returns, and its exceptions are thrown here.
    virtual void run_aside(const std::function<void()>& work) = 0;

    /// Runs until stop(); may be called again afterwards.
    virtual void run() = 0;
    /// Ends run() after the callback that is running; without one, the next run() returns at once.
    virtual void stop() noexcept = 0;
};

} // namespace sallyport::control
