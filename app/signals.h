// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"
#include "control/event_loop.h"

#include <memory>

namespace sallyport {

/// Blocks SIGTERM, SIGINT and SIGHUP for the calling thread and those it creates, and ignores
/// SIGPIPE. Call it before any thread is created.
void block_signals();

/// While it lives, SIGTERM and SIGINT stop the loop, and SIGHUP reopens the log file.
class SignalWatch {
  public:
    /// @param loop must outlive the object
    static Expected<std::unique_ptr<SignalWatch>> start(control::EventLoop& loop);
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

  private:
    SignalWatch(control::EventLoop& loop, base::FileDescriptor fd)
        : loop_(loop), fd_(std::move(fd)) {}
    void receive();

    control::EventLoop& loop_;
    base::FileDescriptor fd_;
};

} // namespace sallyport
