// SPDX-License-Identifier: BSD-3-Clause
// Terminals in raw mode. Used by the process (-i) and by the client; no DPDK in here.
#pragma once

#include "base/error.h"

#include <termios.h>

namespace sallyport::shell {

/// Puts standard input's terminal into raw mode (no echo, no line editing, no signals from keys
/// except Ctrl-\) until destruction. On a signal that ends the process abnormally the terminal is
/// put right first. One object at a time. Nothing happens where standard input is no terminal.
class RawTerminal {
  public:
    static Expected<RawTerminal> enter();
    ~RawTerminal();
    RawTerminal(RawTerminal&& other) noexcept;
    RawTerminal& operator=(RawTerminal&&) = delete;

  private:
    RawTerminal() = default;
    bool active_ = false;
};

} // namespace sallyport::shell
