// SPDX-License-Identifier: BSD-3-Clause
#include "shell/unix_socket.h"

#include "base/errno_text.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace sallyport::shell {

using base::errno_text;
using base::FileDescriptor;

namespace {

Expected<sockaddr_un> address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.native().size() >= sizeof(address.sun_path))
        return failure("the path of a Unix socket has 1 to "
                           + std::to_string(sizeof(address.sun_path) - 1) + " octets",
                       path.string(), "choose a shorter path");
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    return address;
}

Expected<FileDescriptor> stream_socket(int flags) {
    FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!fd) return failure("cannot create a Unix socket: " + errno_text());
    return fd;
}

int connect_to(int fd, const sockaddr_un& address) {
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

/// mkdir -p with mode 0700 for what is missing.
Expected<void> make_folders(const std::filesystem::path& folder) {
    std::filesystem::path made;
    for (const auto& part : folder) {
        made /= part;
        if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST)
            return failure("cannot create the folder: " + errno_text(), made.string(),
                           "check shell.socket and the permissions above it");
    }
    return {};
}

/// Removes what stands at the path if it is a socket that nobody listens on.
Expected<void> remove_stale(const std::filesystem::path& path, const sockaddr_un& address) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode))
        return failure("exists and is no socket", path.string(),
                       "remove it or choose another shell.socket");
    auto probe = stream_socket(SOCK_NONBLOCK);
    if (!probe) return tl::unexpected(probe.error());
    if (connect_to(probe->get(), address) == 0 || errno != ECONNREFUSED)
        return failure("the socket is in use by another process", path.string(),
                       "stop the other one or choose another shell.socket");
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return failure("cannot remove the stale socket: " + errno_text(), path.string());
    return {};
}

std::string connect_remedy(int error) {
    switch (error) {
    case ENOENT:
        return "is sallyport running, and is this its shell.socket?";
    case ECONNREFUSED:
        return "sallyport is not running any more";
    case EACCES:
    case EPERM:
        return "only the user that sallyport runs as may use its shell";
    default:
        return "";
    }
}

} // namespace

Expected<ListeningSocket> ListeningSocket::open(const std::filesystem::path& path) {
    auto address = address_of(path);
    if (!address) return tl::unexpected(address.error());
    if (auto made = make_folders(path.parent_path()); !made) return tl::unexpected(made.error());
    if (auto removed = remove_stale(path, *address); !removed)
        return tl::unexpected(removed.error());

    auto fd = stream_socket(SOCK_NONBLOCK);
    if (!fd) return tl::unexpected(fd.error());
    ListeningSocket socket;
    socket.fd_ = std::move(*fd);
    // Linux gives the file the mode of the socket: it is never open to others, not even for a
    // moment.
    struct stat status {};
    if (::fchmod(socket.fd(), 0600) != 0
        || ::bind(socket.fd(), reinterpret_cast<sockaddr*>(&*address), sizeof(*address)) != 0)
        return failure("cannot bind the shell's socket: " + errno_text(), path.string(),
                       "check shell.socket and the folder's permissions");
    socket.path_ = path;
    if (::lstat(path.c_str(), &status) == 0) {
        socket.device_ = status.st_dev;
        socket.inode_ = status.st_ino;
    }
    if (::listen(socket.fd(), 16) != 0)
        return failure("cannot listen on the shell's socket: " + errno_text(), path.string());
    return socket;
}

ListeningSocket::~ListeningSocket() {
    if (!fd_) return;
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
        ::unlink(path_.c_str());
}

Expected<FileDescriptor> connect_unix(const std::filesystem::path& path) {
    auto address = address_of(path);
    if (!address) return tl::unexpected(address.error());
    auto fd = stream_socket(0);
    if (!fd) return fd;
    if (connect_to(fd->get(), *address) != 0) {
        int error = errno;
        return failure("cannot connect: " + errno_text(error), path.string(),
                       connect_remedy(error));
    }
    return fd;
}

} // namespace sallyport::shell
