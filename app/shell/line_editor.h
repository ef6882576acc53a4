// SPDX-License-Identifier: BSD-3-Clause
// DPDK's line editor (history, completion, VT100 keys) with octets in and out instead of
// descriptors, so that nothing in it can block.
#pragma once

#include "shell/command_set.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct rdline;

namespace sallyport::shell {

/// Lines end at 512 characters with DPDK 22.11 (2048 with 24.11): more keys are ignored.
class LineEditor {
  public:
    /// @param commands for completion; must outlive the object
    /// @param out where echo and prompt are appended; must outlive the object
    LineEditor(CommandSet& commands, std::string prompt, std::string& out);
    ~LineEditor();
    LineEditor(const LineEditor&) = delete;
    LineEditor& operator=(const LineEditor&) = delete;

    enum class Event { none, line, end };
    /// @return line: take it with line(), answer it, then prompt(); end: Ctrl-D on an empty line
    Event key(char c);
    [[nodiscard]] std::string line() const;
    void prompt();

  private:
    struct Free {
        void operator()(rdline* editor) const;
    };
    static int write_character(rdline* editor, char c);
    static int complete(rdline* editor, const char* line, char* out, unsigned size, int* state);
    void remember(const char* line);

    CommandSet& commands_;
    std::string prompt_;
    std::string& out_;
    CommandSet::Offers offers_;
    std::unique_ptr<rdline, Free> editor_;
};

} // namespace sallyport::shell
