// SPDX-License-Identifier: BSD-3-Clause
#include "shell/terminal.h"

#include "base/errno_text.h"

#include <array>
#include <csignal>
#include <utility>

#include <unistd.h>

namespace sallyport::shell {

namespace {

constexpr std::array abnormal_signals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};

// For the signal handler, which can reach nothing else.
termios saved_settings{};
std::array<struct sigaction, abnormal_signals.size()> saved_actions{};

/// Puts the terminal right, then lets the signal do what it did before.
void restore_and_pass_on(int signal) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_settings);
    for (std::size_t i = 0; i < abnormal_signals.size(); ++i)
        if (abnormal_signals[i] == signal) ::sigaction(signal, &saved_actions[i], nullptr);
    ::raise(signal);
}

} // namespace

Expected<RawTerminal> RawTerminal::enter() {
    RawTerminal terminal;
    if (::isatty(STDIN_FILENO) == 0) return terminal;
    if (::tcgetattr(STDIN_FILENO, &saved_settings) != 0)
        return failure("cannot read the terminal's settings: " + base::errno_text());

    struct sigaction action {};
    action.sa_handler = restore_and_pass_on;
    for (std::size_t i = 0; i < abnormal_signals.size(); ++i)
        ::sigaction(abnormal_signals[i], &action, &saved_actions[i]);

    termios raw = saved_settings;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VINTR] = _POSIX_VDISABLE;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    terminal.active_ = true;
    if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
        return failure("cannot set the terminal: " + base::errno_text());
    return terminal;
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept
    : active_(std::exchange(other.active_, false)) {}

RawTerminal::~RawTerminal() {
    if (!active_) return;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_settings);
    for (std::size_t i = 0; i < abnormal_signals.size(); ++i)
        ::sigaction(abnormal_signals[i], &saved_actions[i], nullptr);
}

} // namespace sallyport::shell
