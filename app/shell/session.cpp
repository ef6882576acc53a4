// SPDX-License-Identifier: BSD-3-Clause
#include "shell/session.h"

#include <utility>

namespace sallyport::shell {

namespace {

// The line editor keeps 31 characters of the prompt.
constexpr std::size_t longest_node = 29;
// Octets of an answer.
constexpr std::size_t typical_row = 200;

} // namespace

void Session::apply(Then then) {
    if (then == Then::go_on) return;
    finished = true;
    stop_process = then == Then::stop_process;
}

InteractiveSession::InteractiveSession(CommandSet& commands, const std::string& node,
                                       std::filesystem::path folder)
    : commands_(commands), folder_(std::move(folder)),
      editor_(commands, node.substr(0, longest_node) + "> ", out) {}

void InteractiveSession::step() {
    std::size_t taken = 0;
    while (taken < pending_.size() && !finished) {
        LineEditor::Event event = editor_.key(pending_[taken++]);
        if (event == LineEditor::Event::end) {
            out += "\r\n";
            finished = true;
        }
        if (event == LineEditor::Event::line) {
            CommandSet::Reply reply = commands_.run(editor_.line(), folder_);
            out += reply.text;
            apply(reply.then);
            if (!finished) editor_.prompt();
            break;
        }
    }
    pending_.erase(0, taken);
}

void SocketSession::receive(std::string_view octets) {
    if (interactive_)
        interactive_->receive(octets);
    else
        lines_.append(octets);
}

bool SocketSession::ready() const {
    if (finished) return false;
    return interactive_ ? interactive_->ready() : lines_.has_line() || lines_.overflown();
}

void SocketSession::step() {
    if (finished) return;
    if (interactive_) return step_interactive();
    if (lines_.overflown())
        return fail("the line has more than " + std::to_string(protocol::longest_line) + " octets");
    auto line = lines_.next();
    if (!line) return;
    if (greeted_)
        run(*line);
    else
        greet(*line);
}

void SocketSession::step_interactive() {
    interactive_->step();
    out += std::exchange(interactive_->out, {});
    finished = interactive_->finished;
    stop_process = interactive_->stop_process;
}

void SocketSession::greet(const std::string& line) {
    auto hello = protocol::parse_hello(line);
    if (!hello) return fail(hello.error().message());
    greeted_ = true;
    folder_ = hello->folder;
    out += protocol::to_answer(true, node_);
    if (hello->mode == protocol::Mode::command) return;
    interactive_ = std::make_unique<InteractiveSession>(commands_, node_, folder_);
    interactive_->receive(lines_.take_rest());
    step_interactive();
}

void SocketSession::run(const std::string& line) {
    CommandSet::Reply reply = commands_.run(line, folder_);
    // Both strings of a long answer: copying megabytes takes long, and giving them back.
    commands_.aside(reply.text.size() / typical_row, [&] {
        out += protocol::to_answer(reply.done, reply.text);
        std::string().swap(reply.text);
    });
    apply(reply.then);
}

void SocketSession::fail(const std::string& message) {
    out += protocol::to_answer(false, "error: " + message + '\n');
    finished = true;
}

} // namespace sallyport::shell
