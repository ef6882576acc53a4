// SPDX-License-Identifier: BSD-3-Clause
// What the configuration's tests share.
#pragma once

#include "config/load.h"
#include "config/parse.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::config::test {

/// A new folder, gone with the object.
class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// @param name may have folders in front, which are made
    std::filesystem::path write(const std::string& name, std::string_view text) const;

  private:
    std::filesystem::path path_;
};

/// The two uplinks that every main file needs; six lines.
inline constexpr std::string_view uplinks = "[uplink.p0]\n"
                                            "device = net_af_packet0,iface=up0\n"
                                            "interface = up0\n"
                                            "[uplink.p1]\n"
                                            "device = net_af_packet1,iface=up1\n"
                                            "interface = up1\n";
/// A main file with nothing else.
inline const FileText main_file{"main.conf", std::string(uplinks)};

/// The three lines that every tenant file needs.
inline constexpr std::string_view identity = "name = blue\nvni = 100\nlocal_vtep = 192.0.2.1\n";

std::vector<std::string> messages(const std::vector<Complaint>& complaints);

/// Complaints of main.conf, which has @p text in front of the two uplinks.
std::vector<std::string> main_complaints(const std::string& text);
/// Complaints of blue.conf, which has @p text behind the three lines of its identity.
std::vector<std::string> tenant_complaints(const std::string& text,
                                           const std::string& main_text = {});
/// Complaints of any files; the first is the main file.
std::vector<std::string> complaints_of(const std::vector<FileText>& files);

} // namespace sallyport::config::test
