// SPDX-License-Identifier: BSD-3-Clause
#include "signals.h"

#include "base/errno_text.h"
#include "base/log.h"

#include <csignal>
#include <cstring>

#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace sallyport {

namespace {

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

} // namespace

void block_signals() {
    sigset_t set = handled_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

Expected<std::unique_ptr<SignalWatch>> SignalWatch::start(control::EventLoop& loop) {
    sigset_t set = handled_signals();
    base::FileDescriptor fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd) return failure("cannot create a signal descriptor: " + base::errno_text());
    std::unique_ptr<SignalWatch> watch(new SignalWatch(loop, std::move(fd)));
    auto watched = loop.watch(watch->fd_.get(), [raw = watch.get()] { raw->receive(); });
    if (!watched) return tl::unexpected(watched.error());
    return watch;
}

SignalWatch::~SignalWatch() {
    loop_.unwatch(fd_.get());
}

void SignalWatch::receive() {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        auto signal = static_cast<int>(info.ssi_signo);
        if (signal == SIGHUP) {
            if (auto reopened = base::reopen_log(); !reopened)
                spdlog::error("{}", reopened.error().message());
            else
                spdlog::info("log file reopened");
            continue;
        }
        spdlog::info("stopping: {}", ::strsignal(signal));
        loop_.stop();
    }
}

} // namespace sallyport
