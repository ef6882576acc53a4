// SPDX-License-Identifier: BSD-3-Clause
#include "instance_lock.h"

#include "base/errno_text.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

namespace sallyport {

Expected<std::optional<base::FileDescriptor>> lock_instance(const std::filesystem::path& config) {
    base::FileDescriptor fd(::open(config.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return failure("cannot open: " + base::errno_text(), config.string());
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional(std::move(fd));
    if (errno == EWOULDBLOCK) return std::optional<base::FileDescriptor>();
    return failure("cannot lock the config file: " + base::errno_text(), config.string());
}

} // namespace sallyport
