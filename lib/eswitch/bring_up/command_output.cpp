// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/command_output.h"

#include "base/errno_text.h"
#include "base/file_descriptor.h"
#include "eswitch/bring_up/port_names.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sallyport::eswitch {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_output = 65536;

// Both outputs go into one pipe: a program that fails says why on the second.
int spawn(const std::vector<std::string>& arguments, int output, pid_t& child) {
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments)
        words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    // What this process blocks for its own signal handling is nothing for the child to inherit.
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawnp(&child, words[0], &files, &attributes, words.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

enum class End { finished, too_late, too_much };

End read_all(int input, Clock::time_point deadline, std::string& out) {
    std::array<char, 4096> buffer;
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return End::too_late;
        pollfd waiting{input, POLLIN, 0};
        if (poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
        const ssize_t length = read(input, buffer.data(), buffer.size());
        if (length < 0 && errno == EINTR) continue;
        if (length <= 0) return End::finished;
        out.append(buffer.data(), static_cast<std::size_t>(length));
        if (out.size() > longest_output) return End::too_much;
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return status;
}

std::string first_line(std::string_view text) {
    return printable(text.substr(0, text.find('\n')));
}

} // namespace

Expected<std::string> command_output(const std::vector<std::string>& arguments,
                                     std::chrono::milliseconds patience) {
    const std::string& program = arguments.front();
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        return failure("cannot make a pipe for " + program + ": " + base::errno_text());
    const base::FileDescriptor input(ends[0]);
    base::FileDescriptor output(ends[1]);
    pid_t child = 0;
    if (const int error = spawn(arguments, output.get(), child); error != 0)
        return failure("cannot run " + program + ": " + base::errno_text(error), {},
                       "install the package that has it (iproute2 for devlink)");
    output.reset();

    std::string text;
    const End end = read_all(input.get(), Clock::now() + patience, text);
    if (end != End::finished) kill(child, SIGKILL);
    const int status = wait_for(child);
    if (end == End::too_late)
        return failure(program + " did not answer in " + std::to_string(patience.count()) + " ms");
    if (end == End::too_much) return failure(program + " wrote too much");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return failure(program + " failed: " + first_line(text));
    return text;
}

} // namespace sallyport::eswitch
