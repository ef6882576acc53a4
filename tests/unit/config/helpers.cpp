// SPDX-License-Identifier: BSD-3-Clause
#include "helpers.h"

#include <cstdlib>
#include <fstream>
#include <span>
#include <stdexcept>

namespace sallyport::config::test {

TemporaryFolder::TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "sallyport-config-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryFolder::write(const std::string& name, std::string_view text) const {
    std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
}

std::vector<std::string> messages(const std::vector<Complaint>& complaints) {
    std::vector<std::string> texts;
    texts.reserve(complaints.size());
    for (const Complaint& complaint : complaints)
        texts.push_back(complaint.message());
    return texts;
}

std::vector<std::string> complaints_of(const std::vector<FileText>& files) {
    const auto settings = parse(files.front(), std::span(files).subspan(1));
    return settings ? std::vector<std::string>{} : messages(settings.error());
}

std::vector<std::string> main_complaints(const std::string& text) {
    return complaints_of({{"main.conf", text + std::string(uplinks)}});
}

std::vector<std::string> tenant_complaints(const std::string& text, const std::string& main_text) {
    return complaints_of({{"main.conf", main_text + std::string(uplinks)},
                          {"blue.conf", std::string(identity) + text}});
}

} // namespace sallyport::config::test
