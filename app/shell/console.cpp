// SPDX-License-Identifier: BSD-3-Clause
#include "shell/console.h"

#include "base/errno_text.h"

#include <csignal>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace sallyport::shell {

namespace {

/// The same terminal or pipe behind a file description of our own: O_NONBLOCK on the shared one
/// would stay behind in the shell that started us.
Expected<base::FileDescriptor> reopen(int standard, int access) {
    std::string path = "/proc/self/fd/" + std::to_string(standard);
    base::FileDescriptor fd(::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd)
        return failure("cannot open standard " + std::string(standard == 0 ? "input" : "output")
                           + ": " + base::errno_text(),
                       "-i", "run it on a terminal, or without -i and with sallyport-shell");
    return fd;
}

} // namespace

Expected<std::unique_ptr<Console>> Console::start(control::EventLoop& loop, CommandSet& commands,
                                                  const std::string& node,
                                                  std::function<void()> stop) {
    auto in = reopen(STDIN_FILENO, O_RDONLY);
    if (!in) return tl::unexpected(in.error());
    auto out = reopen(STDOUT_FILENO, O_WRONLY);
    if (!out) return tl::unexpected(out.error());
    // In the background, reading the terminal would stop the whole process; with the signal ignored
    // it is an error that ends the console.
    std::signal(SIGTTIN, SIG_IGN);
    std::signal(SIGTTOU, SIG_IGN);
    auto terminal = RawTerminal::enter();
    if (!terminal) return tl::unexpected(terminal.error());

    std::unique_ptr<Console> console(new Console(std::move(*terminal)));
    std::error_code none;
    auto session =
        std::make_unique<InteractiveSession>(commands, node, std::filesystem::current_path(none));
    auto channel = Channel::open(loop, std::move(*in), std::move(*out), std::move(session),
                                 [stop = std::move(stop)](Channel::End) { stop(); });
    if (!channel)
        return failure("standard input and output can be a terminal or a pipe, no file: "
                           + channel.error().what,
                       "-i", "use sallyport-shell --script FILE");
    console->channel_ = std::move(*channel);
    return console;
}

} // namespace sallyport::shell
