// SPDX-License-Identifier: BSD-3-Clause
// The shell on a Unix socket.
#pragma once

#include "control/event_loop.h"
#include "shell/channel.h"
#include "shell/command_set.h"
#include "shell/unix_socket.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace sallyport::shell {

/// Takes clients of the protocol (protocol.h) on the control thread.
class Server {
  public:
    /// Clients beyond are told so and sent away.
    static constexpr std::size_t most_clients = 64;
    /// How long a client may take for the hello.
    static constexpr std::chrono::seconds hello_timeout{10};

    struct Options {
        std::string node;
        /// Called when a client asked the process to stop.
        std::function<void()> stop;
        std::chrono::milliseconds patience = Channel::default_patience;
    };

    /// @param loop, commands must outlive the object
    static Expected<std::unique_ptr<Server>> start(control::EventLoop& loop, CommandSet& commands,
                                                   ListeningSocket socket, Options options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] std::size_t clients() const { return channels_.size(); }

  private:
    Server(control::EventLoop& loop, CommandSet& commands, ListeningSocket socket, Options options);
    void accept();
    void pause();
    void serve(base::FileDescriptor client);
    void expect_hello(std::uint64_t client, const SocketSession* session);

    control::EventLoop& loop_;
    CommandSet& commands_;
    ListeningSocket socket_;
    Options options_;
    std::uint64_t next_client_ = 0;
    std::map<std::uint64_t, std::unique_ptr<Channel>> channels_;
    std::map<std::uint64_t, control::EventLoop::TimerId> hello_timers_;
    control::EventLoop::TimerId pause_timer_ = 0;
    bool paused_ = false;
};

} // namespace sallyport::shell
