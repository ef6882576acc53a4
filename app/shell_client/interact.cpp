// SPDX-License-Identifier: BSD-3-Clause
#include "base/errno_text.h"
#include "shell/terminal.h"
#include "shell_client/client.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace sallyport::shell_client {

namespace {

using base::FileDescriptor;

/// Signals that would end us come as input instead, so that the terminal is put right.
Expected<FileDescriptor> watch_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&set, signal);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    FileDescriptor fd(::signalfd(-1, &set, SFD_CLOEXEC));
    if (!fd) return failure("cannot create a signal descriptor: " + base::errno_text());
    return fd;
}

bool write_all(int fd, std::string_view octets) {
    while (!octets.empty()) {
        ssize_t count = ::write(fd, octets.data(), octets.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        octets.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

/// @return false at the end of @p from, or where @p to takes no more
bool copy(int from, int to) {
    std::array<char, 4096> octets{};
    ssize_t count = ::read(from, octets.data(), octets.size());
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    return count > 0 && write_all(to, {octets.data(), static_cast<std::size_t>(count)});
}

} // namespace

Expected<void> interact(Client& client) {
    auto signals = watch_signals();
    if (!signals) return tl::unexpected(signals.error());
    auto terminal = shell::RawTerminal::enter();
    if (!terminal) return tl::unexpected(terminal.error());
    write_all(STDOUT_FILENO, client.take_rest());

    std::array<pollfd, 3> watched{
        {{client.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {signals->get(), POLLIN, 0}}};
    for (;;) {
        if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
            return failure("cannot wait for input: " + base::errno_text());
        if (watched[2].revents != 0) return {};
        if (watched[0].revents != 0 && !copy(client.fd(), STDOUT_FILENO)) return {};
        if (watched[1].revents != 0 && !copy(STDIN_FILENO, client.fd())) {
            // The end of piped input: what is under way is still answered, as Ctrl-D would be.
            write_all(client.fd(), "\004");
            watched[1].fd = -1;
        }
    }
}

} // namespace sallyport::shell_client
