// SPDX-License-Identifier: BSD-3-Clause
#include "shell_client/client.h"

#include "base/errno_text.h"
#include "shell/unix_socket.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <sys/socket.h>

namespace sallyport::shell_client {

namespace protocol = shell::protocol;
using base::errno_text;

Expected<Client> Client::connect(const std::filesystem::path& socket, protocol::Mode mode) {
    auto fd = shell::connect_unix(socket);
    if (!fd) return tl::unexpected(fd.error());
    Client client(std::move(*fd));
    std::error_code none;
    protocol::Hello hello{mode, std::filesystem::current_path(none).string()};
    auto sent = client.send(protocol::to_line(hello));
    // Also where the hello was not taken: the process may have said why before it closed.
    auto answer = client.answer();
    if (!answer) return tl::unexpected(sent ? answer.error() : sent.error());
    if (!answer->done) return failure(answer->text.substr(0, answer->text.find('\n')));
    return client;
}

Expected<Client::Answer> Client::run(const std::string& line) {
    if (auto sent = send(line + '\n'); !sent) return tl::unexpected(sent.error());
    return answer();
}

Expected<void> Client::send(std::string_view octets) {
    while (!octets.empty()) {
        ssize_t count = ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure("cannot send to sallyport: " + errno_text());
        octets.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Expected<void> Client::receive() {
    std::array<char, 65536> octets{};
    ssize_t count = 0;
    do
        count = ::recv(fd_.get(), octets.data(), octets.size(), 0);
    while (count < 0 && errno == EINTR);
    if (count < 0) return failure("cannot receive from sallyport: " + errno_text());
    if (count == 0)
        return failure("sallyport closed the connection", "", "see its log for the reason");
    received_.append(octets.data(), static_cast<std::size_t>(count));
    return {};
}

Expected<Client::Answer> Client::answer() {
    std::size_t end = 0;
    while ((end = received_.find('\n')) == std::string::npos) {
        if (received_.size() > protocol::longest_line)
            return failure("this is no sallyport's socket");
        if (auto received = receive(); !received) return tl::unexpected(received.error());
    }
    auto header = protocol::parse_answer_header(std::string_view(received_).substr(0, end));
    if (!header)
        return failure(header.error().what, "", "is this sallyport's socket, of this version?");
    received_.erase(0, end + 1);
    while (received_.size() < header->length)
        if (auto received = receive(); !received) return tl::unexpected(received.error());
    Answer answer{header->done, received_.substr(0, header->length)};
    received_.erase(0, header->length);
    return answer;
}

Expected<std::string> to_command_line(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) {
        if (word.find_first_of(words.size() == 1 ? "\n\r" : "\"\n\r") != std::string::npos)
            return failure("a word has a quote or line end in it: " + word);
        if (words.size() == 1) return word;
        bool quoted = word.empty() || word.find_first_of(" \t#") != std::string::npos;
        line += line.empty() ? "" : " ";
        line += quoted ? '"' + word + '"' : word;
    }
    return line;
}

} // namespace sallyport::shell_client
