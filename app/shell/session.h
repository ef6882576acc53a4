// SPDX-License-Identifier: BSD-3-Clause
// A conversation with the shell as octets in and out; whoever owns the descriptors drives it.
#pragma once

#include "shell/command_set.h"
#include "shell/line_editor.h"
#include "shell/protocol.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::shell {

/// Input waits inside until step() takes it, at most one command at a time, so that a client with
/// many commands does not keep the control thread from its other work.
class Session {
  public:
    Session() = default;
    virtual ~Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Keeps @p octets for step(). Hand over little at a time, and more only when !ready().
    virtual void receive(std::string_view octets) = 0;
    /// Takes input up to and including the next command.
    virtual void step() = 0;
    /// Whether step() has something to do without more input.
    [[nodiscard]] virtual bool ready() const = 0;

    /// What is to be sent; the owner takes it off the front.
    std::string out;
    /// No more input is taken; `out` may still be sent.
    bool finished = false;
    /// The process is to stop, once `out` is sent.
    bool stop_process = false;

  protected:
    void apply(Then then);
};

/// Line editor and commands on a terminal.
class InteractiveSession final : public Session {
  public:
    /// @param commands must outlive the object
    /// @param node for the prompt
    /// @param folder to which paths are relative
    InteractiveSession(CommandSet& commands, const std::string& node, std::filesystem::path folder);

    void receive(std::string_view octets) override { pending_ += octets; }
    void step() override;
    [[nodiscard]] bool ready() const override { return !finished && !pending_.empty(); }

  private:
    CommandSet& commands_;
    std::filesystem::path folder_;
    LineEditor editor_;
    std::string pending_;
};

/// A client on the socket: the hello, then a conversation of the mode that it chose.
class SocketSession final : public Session {
  public:
    SocketSession(CommandSet& commands, std::string node)
        : commands_(commands), node_(std::move(node)) {}

    void receive(std::string_view octets) override;
    void step() override;
    [[nodiscard]] bool ready() const override;

    /// False until the client has said the hello.
    [[nodiscard]] bool greeted() const { return greeted_; }

  private:
    void greet(const std::string& line);
    void run(const std::string& line);
    void fail(const std::string& message);
    void step_interactive();

    CommandSet& commands_;
    std::string node_;
    protocol::LineBuffer lines_;
    bool greeted_ = false;
    std::filesystem::path folder_;
    std::unique_ptr<InteractiveSession> interactive_;
};

} // namespace sallyport::shell
