// SPDX-License-Identifier: BSD-3-Clause
// The octets of a file that may hold keys.
#pragma once

#include "base/error.h"
#include "config/load.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace sallyport::config {

using Complaints = std::vector<Complaint>;

inline constexpr std::size_t largest_file = std::size_t{1} << 20;

/// A text and where it is from; both stay with whoever gives it.
struct SourceText {
    const std::filesystem::path& file;
    std::string_view text;
    /// Why no key may stand in it; null where one may.
    const Error* exposure = nullptr;
};

/// What was read from a file: in one place, and overwritten on destruction.
class FileContent {
  public:
    /// The text of a regular file of at most largest_file octets.
    /// @return absent after a complaint
    static std::optional<FileContent> read(const std::filesystem::path& file,
                                           Complaints& complaints);

    FileContent(FileContent&&) noexcept = default;
    FileContent& operator=(FileContent&&) noexcept = default;

    [[nodiscard]] SourceText source() const {
        return {
            file_, {octets_.get(), octets_.get_deleter().size}, exposure_ ? &*exposure_ : nullptr};
    }

  private:
    struct Wipe {
        void operator()(char* octets) const;
        std::size_t size;
    };

    explicit FileContent(std::filesystem::path file) : file_(std::move(file)) {}
    /// @return 0 or the error's number
    int take(int fd);

    std::filesystem::path file_;
    std::unique_ptr<char[], Wipe> octets_;
    std::optional<Error> exposure_;
};

} // namespace sallyport::config
