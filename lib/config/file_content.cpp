// SPDX-License-Identifier: BSD-3-Clause
#include "config/file_content.h"

#include "base/errno_text.h"
#include "base/file_descriptor.h"
#include "ipsec/key_file.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <string.h>

namespace sallyport::config {

void FileContent::Wipe::operator()(char* octets) const {
    explicit_bzero(octets, size);
    delete[] octets;
}

int FileContent::take(int fd) {
    // All at once and with no stream's buffer: what grows leaves copies behind.
    constexpr std::size_t room = largest_file + 1;
    octets_ = {new char[room], Wipe{}};
    std::size_t& size = octets_.get_deleter().size;
    while (size < room) {
        const ssize_t got = ::read(fd, octets_.get() + size, room - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    return 0;
}

std::optional<FileContent> FileContent::read(const std::filesystem::path& file,
                                             Complaints& complaints) {
    const auto refuse = [&](std::string wrong, std::string right) {
        complaints.push_back({file, 0, "", std::move(wrong), std::move(right)});
        return std::nullopt;
    };
    std::error_code error;
    const auto status = std::filesystem::status(file, error);
    if (status.type() == std::filesystem::file_type::not_found)
        return refuse("no such file", "a readable file");
    if (error) return refuse("cannot be read: " + error.message(), "a readable file");
    // Also keeps us from waiting for the writer of a FIFO.
    if (status.type() != std::filesystem::file_type::regular)
        return refuse("is not a regular file", "a readable file");

    const base::FileDescriptor handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!handle) return refuse("cannot be read: " + base::errno_text(), "a readable file");
    FileContent content(file);
    // Of the very file that is read, whatever has its name by now.
    if (auto is_private = ipsec::check_private_file(handle.get(), file, {}); !is_private)
        content.exposure_ = std::move(is_private.error());
    if (const int failed = content.take(handle.get()); failed != 0)
        return refuse("cannot be read: " + std::generic_category().message(failed),
                      "a readable file");
    if (content.source().text.size() > largest_file)
        return refuse("too large", fmt::format("at most {} octets", largest_file));
    return content;
}

} // namespace sallyport::config
