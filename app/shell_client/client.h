// SPDX-License-Identifier: BSD-3-Clause
// The client's side of the shell's protocol (shell/protocol.h). Blocking.
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"
#include "shell/protocol.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::shell_client {

class Client {
  public:
    /// Connects and says the hello; the client's working folder goes with it.
    static Expected<Client> connect(const std::filesystem::path& socket,
                                    shell::protocol::Mode mode);

    struct Answer {
        bool done = true;
        std::string text;
    };
    /// Mode command only. A failure here is the connection's, not the command's.
    Expected<Answer> run(const std::string& line);

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Octets that came behind the hello's answer.
    std::string take_rest() { return std::exchange(received_, {}); }

  private:
    explicit Client(base::FileDescriptor fd) : fd_(std::move(fd)) {}
    Expected<void> send(std::string_view octets);
    Expected<void> receive();
    Expected<Answer> answer();

    base::FileDescriptor fd_;
    std::string received_;
};

/// A command line from words, with quotes where a word needs them. A single word is a whole line
/// already.
Expected<std::string> to_command_line(const std::vector<std::string>& words);

/// Keys to the process and its output to the terminal, until it ends the conversation.
Expected<void> interact(Client& client);

} // namespace sallyport::shell_client
