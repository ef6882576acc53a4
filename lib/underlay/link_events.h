// SPDX-License-Identifier: BSD-3-Clause
// The kernel's link messages, and when each of them came.
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"
#include "underlay/carrier_table.h"
#include "underlay/event_socket.h"
#include "underlay/kernel_watch.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace sallyport::underlay {

/// Owned by the control thread, which may be busy when a message comes: a thread of the object's
/// own reads it at once and keeps it with the time, until the control thread asks.
class LinkEvents {
  public:
    using Clock = KernelWatch::Clock;
    struct Event {
        Link link;
        /// Absent: the link is as told, and stays.
        std::optional<Removal> removed;
        Clock::time_point seen;
    };
    struct Taken {
        /// In the kernel's order.
        std::vector<Event> events;
        /// Some are missing: what was concluded from events is no longer to be trusted.
        bool lost = false;
    };

    /// @param real_time the thread that hears of links is to have a real-time priority, where
    ///        that is allowed
    static Expected<std::unique_ptr<LinkEvents>> open(bool real_time);
    ~LinkEvents();
    LinkEvents(const LinkEvents&) = delete;
    LinkEvents& operator=(const LinkEvents&) = delete;

    /// Readable when take() has something, or had it a moment ago. Owned by the object.
    [[nodiscard]] int fd() const { return epoll_.get(); }
    /// All that has come until now.
    Taken take();

  private:
    explicit LinkEvents(EventSocket socket) : socket_(std::move(socket)) {}
    Expected<void> start(bool real_time);
    void listen();
    /// With the mutex held.
    void read();

    std::mutex mutex_;
    EventSocket socket_;
    Taken taken_;
    /// eventfds: there is something to take; the thread is to end.
    base::FileDescriptor ready_;
    base::FileDescriptor end_;
    base::FileDescriptor epoll_;
    std::thread listener_;
};

} // namespace sallyport::underlay
