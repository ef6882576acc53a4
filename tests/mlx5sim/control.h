// SPDX-License-Identifier: BSD-3-Clause
// What a test may do to the card while a program runs on it: commands, a datagram each, to the UNIX
// socket that MLX5SIM_CONTROL names. A sender with an address of its own is answered "ok" or
// "error: ..." when the command has been done,
// "ok: ..." where something was asked for. docs/mlx5sim.md lists them.
#pragma once

#include <string>
#include <utility>

namespace mlx5sim {

/// Does the topology's faults, and starts to listen if the variable is set.
void start_control();

/// To a command.
struct Answer {
    Answer() = default;
    Answer(std::string what) : wrong(std::move(what)) {}
    Answer(const char* what) : wrong(what) {}
    static Answer telling(std::string what) {
        Answer answer;
        answer.told = std::move(what);
        return answer;
    }
    /// Empty: the command is done.
    std::string wrong;
    /// What was asked for, if it was.
    std::string told;
};

/// Any thread.
Answer execute_command(const std::string& command);

} // namespace mlx5sim
