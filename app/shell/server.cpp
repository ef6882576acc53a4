// SPDX-License-Identifier: BSD-3-Clause
#include "shell/server.h"

#include "base/errno_text.h"

#include <cerrno>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/socket.h>

namespace sallyport::shell {

Server::Server(control::EventLoop& loop, CommandSet& commands, ListeningSocket socket,
               Options options)
    : loop_(loop), commands_(commands), socket_(std::move(socket)), options_(std::move(options)) {}

Expected<std::unique_ptr<Server>> Server::start(control::EventLoop& loop, CommandSet& commands,
                                                ListeningSocket socket, Options options) {
    std::unique_ptr<Server> server(
        new Server(loop, commands, std::move(socket), std::move(options)));
    auto watched = loop.watch(server->socket_.fd(), [raw = server.get()] { raw->accept(); });
    if (!watched) return tl::unexpected(watched.error());
    return server;
}

Server::~Server() {
    if (paused_)
        loop_.cancel(pause_timer_);
    else
        loop_.unwatch(socket_.fd());
    for (const auto& [client, timer] : hello_timers_)
        loop_.cancel(timer);
}

void Server::accept() {
    base::FileDescriptor client(
        ::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) return serve(std::move(client));
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    spdlog::error("shell: cannot take a client: {}", base::errno_text());
    pause();
}

void Server::pause() {
    // Out of descriptors, the listening socket stays readable: without a rest we would spin.
    loop_.unwatch(socket_.fd());
    paused_ = true;
    pause_timer_ = loop_.after(std::chrono::seconds(1), [this] {
        paused_ = false;
        if (auto watched = loop_.watch(socket_.fd(), [this] { accept(); }); !watched)
            spdlog::error("shell: {}", watched.error().message());
    });
}

void Server::serve(base::FileDescriptor client) {
    if (channels_.size() >= most_clients) {
        std::string answer = protocol::to_answer(false, "error: " + std::to_string(most_clients)
                                                            + " clients already; close one\n");
        // Best effort: a new socket has room for a line.
        [[maybe_unused]] ssize_t sent =
            ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        return;
    }
    std::uint64_t number = next_client_++;
    auto session = std::make_unique<SocketSession>(commands_, options_.node);
    const SocketSession* raw = session.get();
    auto ended = [this, number](Channel::End how) {
        if (how == Channel::End::stalled)
            spdlog::warn("shell: a client did not read its answer and was disconnected");
        if (auto timer = hello_timers_.extract(number)) loop_.cancel(timer.mapped());
        channels_.erase(number);
        if (how == Channel::End::stop_process) options_.stop();
    };
    auto channel =
        Channel::open(loop_, std::move(client), {}, std::move(session), ended, options_.patience);
    if (!channel) {
        spdlog::error("shell: {}", channel.error().message());
        return;
    }
    channels_[number] = std::move(*channel);
    expect_hello(number, raw);
}

void Server::expect_hello(std::uint64_t client, const SocketSession* session) {
    hello_timers_[client] = loop_.after(hello_timeout, [this, client, session] {
        hello_timers_.erase(client);
        // The timer goes with the channel, so the session is still there.
        if (!session->greeted()) channels_.erase(client);
    });
}

} // namespace sallyport::shell
