// SPDX-License-Identifier: BSD-3-Clause
// The commands of the shell, parsed and completed by DPDK's librte_cmdline.
#pragma once

#include "base/error.h"
#include "shell/arguments.h"
#include "shell/output.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::shell {

/// Not thread-safe; used by the control thread.
class CommandSet {
  public:
    using Handler = std::function<Expected<Output>(const Arguments&)>;
    using Choices = std::function<std::vector<std::string>()>;

    CommandSet();
    ~CommandSet();
    CommandSet(const CommandSet&) = delete;
    CommandSet& operator=(const CommandSet&) = delete;

    /// A command that begins with "show", "explain" or "tenant reload" is also taken with a last
    /// word "json", which prints the data instead of the text. Where a fixed word of one command
    /// and an argument of another one of the same length would both take a word, the fixed word
    /// wins.
    /// @param spec see command_spec.h; one that cannot be parsed is a programming error and aborts
    /// @param help a few words, for the list of commands and for completion
    void add(std::string_view spec, std::string help, Handler handler);

    /// How work is done that takes long and shares nothing with the rest of the process, as the
    /// text of a long answer does; it returns when the work is done. Not set: right here.
    using Aside = std::function<void(const std::function<void()>& work)>;
    void set_aside(Aside aside);
    /// @param rows how many there are to work on: a few are not worth it
    void aside(std::size_t rows, const std::function<void()>& work) const;

    /// What completion offers for arguments of that kind; asked anew each time.
    void set_choices(const std::string& kind, Choices choices);

    struct Reply {
        /// False: the command failed, and text is the error message.
        bool done = true;
        std::string text;
        Then then = Then::go_on;
    };
    /// Runs one line; an empty line or a comment does nothing.
    /// @param line without its line end
    /// @param folder to which paths in the line are relative
    Reply run(std::string_view line, const std::filesystem::path& folder);

    /// Lines to offer, while librte_cmdline's line editor asks for them one by one.
    using Offers = std::vector<std::string>;
    /// As cmdline_complete() of librte_cmdline, with choices that several commands share offered
    /// once.
    /// @param line zero-terminated
    int complete(Offers& offers, const char* line, int* state, char* out, unsigned size);

    /// All commands, a line each.
    [[nodiscard]] std::string help() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace sallyport::shell
