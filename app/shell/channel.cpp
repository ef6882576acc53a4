// SPDX-License-Identifier: BSD-3-Clause
#include "shell/channel.h"

#include "base/errno_text.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

namespace sallyport::shell {

using base::FileDescriptor;

Channel::Channel(control::EventLoop& loop, FileDescriptor in, FileDescriptor out,
                 std::unique_ptr<Session> session, std::function<void(End)> ended,
                 std::chrono::milliseconds patience)
    : loop_(loop), in_(std::move(in)), out_(std::move(out)), session_(std::move(session)),
      ended_(std::move(ended)), patience_(patience) {}

Expected<std::unique_ptr<Channel>> Channel::open(control::EventLoop& loop, FileDescriptor in,
                                                 FileDescriptor out,
                                                 std::unique_ptr<Session> session,
                                                 std::function<void(End)> ended,
                                                 std::chrono::milliseconds patience) {
    std::unique_ptr<Channel> channel(new Channel(loop, std::move(in), std::move(out),
                                                 std::move(session), std::move(ended), patience));
    if (auto started = channel->start(); !started) return tl::unexpected(started.error());
    return channel;
}

Channel::~Channel() {
    if (stall_timer_set_) loop_.cancel(stall_timer_);
    if (watched_) loop_.unwatch(epoll_.get());
}

Expected<void> Channel::start() {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return failure("cannot create an epoll descriptor: " + base::errno_text());
    if (auto done = interest(in_.get(), EPOLLIN, EPOLL_CTL_ADD); !done) return done;
    if (out_)
        if (auto done = interest(out_.get(), 0, EPOLL_CTL_ADD); !done) return done;
    if (auto done = loop_.watch(epoll_.get(), [this] { work(); }); !done) return done;
    watched_ = true;
    // The prompt.
    if (!session_->out.empty()) later();
    return {};
}

Expected<void> Channel::interest(int fd, unsigned events, int operation) {
    epoll_event event{};
    event.events = events;
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) == 0) return {};
    return failure("cannot wait for input and output: " + base::errno_text());
}

void Channel::later() {
    loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) work();
    });
}

void Channel::work() {
    if (!send_output()) return end(End::hung_up);
    if (session_->out.empty() && !session_->finished) {
        if (!session_->ready() && !take_input()) return end(End::hung_up);
        if (session_->ready()) session_->step();
        if (!send_output()) return end(End::hung_up);
    }
    if (session_->out.empty()) {
        if (session_->finished)
            return end(session_->stop_process ? End::stop_process : End::finished);
        if (session_->ready()) later();
    }
    update_interest();
}

bool Channel::take_input() {
    std::array<char, 4096> octets{};
    ssize_t count = ::read(in_.get(), octets.data(), octets.size());
    if (count > 0) session_->receive({octets.data(), static_cast<std::size_t>(count)});
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

bool Channel::send_output() {
    std::string& out = session_->out;
    std::size_t before = sent_;
    bool open = true;
    while (sent_ < out.size()) {
        // Not send(2): the same code serves terminals. SIGPIPE is ignored by the process.
        ssize_t count = ::write(out_fd(), out.data() + sent_, out.size() - sent_);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            open = errno == EAGAIN;
            break;
        }
        sent_ += static_cast<std::size_t>(count);
    }
    bool progress = sent_ > before;
    if (sent_ == out.size()) {
        // Swapped, not cleared: a large answer's memory is given back.
        std::string().swap(out);
        sent_ = 0;
    }
    if (stall_timer_set_ && (progress || out.empty())) {
        loop_.cancel(stall_timer_);
        stall_timer_set_ = false;
    }
    return open;
}

void Channel::update_interest() {
    bool waiting = !session_->out.empty();
    if (waiting && !stall_timer_set_) {
        stall_timer_ = loop_.after(patience_, [this] {
            stall_timer_set_ = false;
            end(End::stalled);
        });
        stall_timer_set_ = true;
    }
    bool reading = !waiting && !session_->ready();
    Expected<void> done;
    if (!out_) {
        done = interest(in_.get(), (reading ? EPOLLIN : 0U) | (waiting ? EPOLLOUT : 0U),
                        EPOLL_CTL_MOD);
    } else {
        // Taken out altogether: a hang-up would be told even without interest, again and again.
        if (reading != reading_)
            done = interest(in_.get(), EPOLLIN, reading ? EPOLL_CTL_ADD : EPOLL_CTL_DEL);
        reading_ = reading;
        if (done) done = interest(out_.get(), waiting ? EPOLLOUT : 0U, EPOLL_CTL_MOD);
    }
    if (!done) end(End::hung_up);
}

void Channel::end(End how) {
    loop_.unwatch(epoll_.get());
    watched_ = false;
    // Moved out: the call may destroy this object.
    auto ended = std::exchange(ended_, nullptr);
    // "quit" holds even where its client did not wait for the answer.
    if (ended) ended(session_->stop_process ? End::stop_process : how);
}

} // namespace sallyport::shell
