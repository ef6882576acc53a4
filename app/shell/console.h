// SPDX-License-Identifier: BSD-3-Clause
// The shell on the process's own terminal (-i).
#pragma once

#include "control/event_loop.h"
#include "shell/channel.h"
#include "shell/command_set.h"
#include "shell/terminal.h"

#include <functional>
#include <memory>
#include <string>

namespace sallyport::shell {

/// Standard input and output as a session on the control thread. Its end, for whatever reason,
/// stops the process.
class Console {
  public:
    /// @param loop, commands must outlive the object
    static Expected<std::unique_ptr<Console>> start(control::EventLoop& loop, CommandSet& commands,
                                                    const std::string& node,
                                                    std::function<void()> stop);

  private:
    explicit Console(RawTerminal terminal) : terminal_(std::move(terminal)) {}

    RawTerminal terminal_;
    std::unique_ptr<Channel> channel_;
};

} // namespace sallyport::shell
