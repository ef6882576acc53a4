// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/key_file.h"

#include "base/errno_text.h"
#include "base/file_descriptor.h"
#include "net/hex.h"

#include <array>
#include <string>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::ipsec {

namespace {

/// One octet more than is allowed, so that too much is seen.
struct FileText {
    std::array<char, largest_key_file + 1> octets;
    std::size_t size = 0;
    FileText() = default;
    ~FileText() { explicit_bzero(octets.data(), octets.size()); }
    FileText(const FileText&) = delete;
    FileText& operator=(const FileText&) = delete;
};

bool is_separator(char character) {
    return character == ' ' || character == '\t' || character == '\r' || character == '\n'
           || character == ':';
}

/// Takes characters one by one; octets go straight into the secret.
class KeyReader {
  public:
    KeyFault take(char character) {
        if (comment_) {
            comment_ = character != '\n';
            return KeyFault::none;
        }
        if (character == '#' || is_separator(character)) {
            comment_ = character == '#';
            return half_ ? KeyFault::half_octet : KeyFault::none;
        }
        if (size_ == 0 && !prefix_ && half_ && high_ == 0
            && (character == 'x' || character == 'X')) {
            prefix_ = true;
            half_ = false;
            return KeyFault::none;
        }
        const auto value = net::hex_digit(character);
        if (!value) return KeyFault::not_hexadecimal;
        if (half_) return put(static_cast<std::uint8_t>(high_ << 4 | *value));
        high_ = *value;
        half_ = true;
        return KeyFault::none;
    }
    [[nodiscard]] KeyFault end() const {
        if (half_) return KeyFault::half_octet;
        return size_ == 0 ? KeyFault::empty : KeyFault::none;
    }
    Secret result() {
        key_.shorten(size_);
        return std::move(key_);
    }

  private:
    KeyFault put(std::uint8_t octet) {
        half_ = false;
        if (size_ == key_.size()) return KeyFault::too_long;
        key_.octets()[size_++] = octet;
        return KeyFault::none;
    }

    Secret key_{Secret::most};
    std::size_t size_ = 0;
    int high_ = 0;
    bool half_ = false;
    bool prefix_ = false;
    bool comment_ = false;
};

bool read_all(int fd, FileText& text) {
    while (text.size < text.octets.size()) {
        const ssize_t got = ::read(fd, &text.octets[text.size], text.octets.size() - text.size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) break;
        text.size += static_cast<std::size_t>(got);
    }
    return true;
}

std::string place(const std::filesystem::path& path, std::string_view where) {
    return (where.empty() ? "" : std::string(where) + ": ") + "key file " + path.string();
}

} // namespace

std::string to_string(KeyFault fault) {
    switch (fault) {
    case KeyFault::none:
        break;
    case KeyFault::empty:
        return "no key";
    case KeyFault::not_hexadecimal:
        return "something that is no hexadecimal digit";
    case KeyFault::half_octet:
        return "half an octet";
    case KeyFault::too_long:
        return "more than " + std::to_string(Secret::most) + " octets of key";
    }
    return "not a key";
}

std::optional<Error> wrong_key_size(Algorithm algorithm, std::size_t octets) {
    const AlgorithmInfo& suite = info(algorithm);
    if (octets == suite.key_material()) return std::nullopt;
    return Error{.what = "the key has " + std::to_string(octets) + " octets, "
                         + std::string(suite.name) + " takes "
                         + std::to_string(suite.key_material()),
                 .remedy = "give " + std::to_string(suite.cipher_key) + " of the cipher's key and "
                           + (suite.is_aead() ? std::to_string(suite.salt) + " of salt"
                                              : std::to_string(suite.authentication_key)
                                                    + " of the authentication's key")
                           + ", in this order"};
}

ParsedKey parse_key(std::string_view text) {
    KeyReader reader;
    unsigned line = 1;
    for (const char character : text) {
        if (const KeyFault fault = reader.take(character); fault != KeyFault::none)
            return {Secret(), fault, line};
        if (character == '\n') ++line;
    }
    if (const KeyFault fault = reader.end(); fault != KeyFault::none)
        return {Secret(), fault, fault == KeyFault::half_octet ? line : 0};
    return {reader.result(), KeyFault::none, 0};
}

Expected<void> check_private_file(int fd, const std::filesystem::path& path,
                                  std::string_view where) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        return failure("cannot be examined: " + base::errno_text(), place(path, where));
    if (!S_ISREG(status.st_mode)) return failure("is no regular file", place(path, where));
    if (status.st_uid != ::geteuid())
        return failure("belongs to user " + std::to_string(status.st_uid) + ", not to user "
                           + std::to_string(::geteuid()) + " as whom this process runs",
                       place(path, where), "change its owner with chown");
    const auto mode = status.st_mode & 07777U;
    if (mode != 0600 && mode != 0400)
        return failure("others than its owner may have access to it, or it is executable",
                       place(path, where), "chmod 600 it, and replace the key if others read it");
    return {};
}

Expected<Secret> read_key_file(const std::filesystem::path& path, std::string_view where) {
    // Not blocking: a FIFO without a writer would hold up the control thread before it is refused.
    const base::FileDescriptor file(
        ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file && errno == ELOOP)
        return failure("is a symbolic link", place(path, where), "name the file itself");
    if (!file) return failure("cannot be opened: " + base::errno_text(), place(path, where));
    if (auto fine = check_private_file(file.get(), path, where); !fine)
        return tl::unexpected(fine.error());
    FileText text;
    if (!read_all(file.get(), text))
        return failure("cannot be read: " + base::errno_text(), place(path, where));
    if (text.size > largest_key_file)
        return failure("is longer than " + std::to_string(largest_key_file) + " octets",
                       place(path, where));
    ParsedKey parsed = parse_key({text.octets.data(), text.size});
    if (parsed.fault != KeyFault::none)
        return failure(to_string(parsed.fault)
                           + (parsed.line > 0 ? " in line " + std::to_string(parsed.line) : ""),
                       place(path, where), std::string(key_form));
    return std::move(parsed.key);
}

} // namespace sallyport::ipsec
