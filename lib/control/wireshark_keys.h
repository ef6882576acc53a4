// SPDX-License-Identifier: BSD-3-Clause
// SAs with their keys as Wireshark's ESP dissector reads them (its table "ESP SAs", file esp_sa).
#pragma once

#include "base/error.h"
#include "base/file_descriptor.h"
#include "ipsec/sa.h"

#include <filesystem>

namespace sallyport::control {

/// Control thread.
class WiresharkKeys {
  public:
    /// Makes the file anew, mode 0600, and warns in the log: who has it reads all traffic.
    static Expected<WiresharkKeys> create(const std::filesystem::path& path);

    /// Adds a line. Suites that Wireshark 4.0 does not know become a comment without key.
    Expected<void> add(const ipsec::SaSettings& sa);

  private:
    WiresharkKeys(base::FileDescriptor file, std::filesystem::path path)
        : file_(std::move(file)), path_(std::move(path)) {}
    base::FileDescriptor file_;
    std::filesystem::path path_;
};

} // namespace sallyport::control
