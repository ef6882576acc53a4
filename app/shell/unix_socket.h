// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"

#include <filesystem>

#include <sys/types.h>

namespace sallyport::shell {

/// A listening Unix stream socket of mode 0600, removed on destruction.
class ListeningSocket {
  public:
    /// Makes missing parent folders with mode 0700. The socket of a process that is gone is
    /// replaced; one that somebody listens on, and a file of another kind, are refused.
    static Expected<ListeningSocket> open(const std::filesystem::path& path);
    ~ListeningSocket();
    ListeningSocket(ListeningSocket&&) = default;
    ListeningSocket& operator=(ListeningSocket&&) = default;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    ListeningSocket() = default;

    base::FileDescriptor fd_;
    std::filesystem::path path_;
    // Which file we made, so that only that one is removed.
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

/// A blocking connection to a listening Unix stream socket.
/// @return on failure the error's remedy says what to check
Expected<base::FileDescriptor> connect_unix(const std::filesystem::path& path);

} // namespace sallyport::shell
