// SPDX-License-Identifier: BSD-3-Clause
// The C library's functions that take a path: those of the card's files below /sys, and of the
// kernel's where the topology has another one, are led to our tree; all others go on as they came.

// With it, each function of the C library and its twin of 64 bits would be one.
#undef _FILE_OFFSET_BITS

#include "export.h"
#include "sysfs.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using mlx5sim::sysfs_path;

namespace {

/// The path that is used instead; lives as long as the call.
class Redirected {
  public:
    explicit Redirected(const char* path) : given_(path), ours_(sysfs_path(path)) {}
    const char* get() const { return ours_.empty() ? given_ : ours_.c_str(); }

  private:
    const char* given_;
    std::string ours_;
};

mode_t mode_argument(int flags, std::va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

} // namespace

MLX5SIM_EXPORT FILE* fopen(const char* path, const char* mode) {
    return MLX5SIM_NEXT(fopen)(Redirected(path).get(), mode);
}

MLX5SIM_EXPORT FILE* fopen64(const char* path, const char* mode) {
    return MLX5SIM_NEXT(fopen64)(Redirected(path).get(), mode);
}

MLX5SIM_EXPORT int open(const char* path, int flags, ...) {
    std::va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return MLX5SIM_NEXT(open)(Redirected(path).get(), flags, mode);
}

MLX5SIM_EXPORT int open64(const char* path, int flags, ...) {
    std::va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return MLX5SIM_NEXT(open64)(Redirected(path).get(), flags, mode);
}

// What open() becomes in a program that was compiled with _FORTIFY_SOURCE.
MLX5SIM_EXPORT int __open_2(const char* path, int flags) {
    return MLX5SIM_NEXT(open)(Redirected(path).get(), flags);
}

MLX5SIM_EXPORT int __open64_2(const char* path, int flags) {
    return MLX5SIM_NEXT(open64)(Redirected(path).get(), flags);
}

MLX5SIM_EXPORT int openat(int folder, const char* path, int flags, ...) {
    std::va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return MLX5SIM_NEXT(openat)(folder, Redirected(path).get(), flags, mode);
}

MLX5SIM_EXPORT DIR* opendir(const char* path) {
    return MLX5SIM_NEXT(opendir)(Redirected(path).get());
}

MLX5SIM_EXPORT int access(const char* path, int mode) noexcept {
    return MLX5SIM_NEXT(access)(Redirected(path).get(), mode);
}

MLX5SIM_EXPORT ssize_t readlink(const char* path, char* target, size_t size) noexcept {
    return MLX5SIM_NEXT(readlink)(Redirected(path).get(), target, size);
}

MLX5SIM_EXPORT char* realpath(const char* path, char* resolved) noexcept {
    return MLX5SIM_NEXT(realpath)(Redirected(path).get(), resolved);
}

MLX5SIM_EXPORT char* __realpath_chk(const char* path, char* resolved, size_t) noexcept {
    return MLX5SIM_NEXT(realpath)(Redirected(path).get(), resolved);
}

MLX5SIM_EXPORT int stat(const char* path, struct stat* result) noexcept {
    return MLX5SIM_NEXT(stat)(Redirected(path).get(), result);
}

MLX5SIM_EXPORT int lstat(const char* path, struct stat* result) noexcept {
    return MLX5SIM_NEXT(lstat)(Redirected(path).get(), result);
}

MLX5SIM_EXPORT int stat64(const char* path, struct stat64* result) noexcept {
    return MLX5SIM_NEXT(stat64)(Redirected(path).get(), result);
}

MLX5SIM_EXPORT int lstat64(const char* path, struct stat64* result) noexcept {
    return MLX5SIM_NEXT(lstat64)(Redirected(path).get(), result);
}
