// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"
#include "control/event_loop.h"
#include "shell/session.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace sallyport::shell {

/// Moves a session's octets between its descriptors, on the control thread, without ever blocking:
/// while output waits, no input is taken; output that nobody takes for a while ends the channel.
class Channel {
  public:
    /// Why a channel ended.
    enum class End { finished, stop_process, hung_up, stalled };

    /// How long a peer may leave output unread before it is given up.
    static constexpr std::chrono::seconds default_patience{30};

    /// @param in non-blocking, and of a kind that epoll takes; owned by the channel
    /// @param out non-blocking; none: the same as @p in
    /// @param ended called once, from the loop; may destroy the channel
    static Expected<std::unique_ptr<Channel>>
    open(control::EventLoop& loop, base::FileDescriptor in, base::FileDescriptor out,
         std::unique_ptr<Session> session, std::function<void(End)> ended,
         std::chrono::milliseconds patience = default_patience);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    [[nodiscard]] const Session& session() const { return *session_; }

  private:
    Channel(control::EventLoop& loop, base::FileDescriptor in, base::FileDescriptor out,
            std::unique_ptr<Session> session, std::function<void(End)> ended,
            std::chrono::milliseconds patience);
    Expected<void> start();
    void work();
    void later();
    [[nodiscard]] bool take_input();
    [[nodiscard]] bool send_output();
    void update_interest();
    Expected<void> interest(int fd, unsigned events, int operation);
    void end(End how);
    [[nodiscard]] int out_fd() const { return out_ ? out_.get() : in_.get(); }

    control::EventLoop& loop_;
    base::FileDescriptor in_;
    base::FileDescriptor out_;
    // The event loop only tells of input; an epoll descriptor of our own, itself an input of the
    // loop, tells of room for output too.
    base::FileDescriptor epoll_;
    std::unique_ptr<Session> session_;
    std::function<void(End)> ended_;
    std::chrono::milliseconds patience_;
    control::EventLoop::TimerId stall_timer_ = 0;
    bool stall_timer_set_ = false;
    bool watched_ = false;
    bool reading_ = true;
    /// Octets of session_->out that are sent.
    std::size_t sent_ = 0;
    // Gone with the channel: work that was put off looks here first.
    std::shared_ptr<int> alive_ = std::make_shared<int>();
};

} // namespace sallyport::shell
