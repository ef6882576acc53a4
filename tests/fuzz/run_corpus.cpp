// SPDX-License-Identifier: BSD-3-Clause
// In place of libFuzzer where the compiler has none: feeds a target every file of its corpus, and
// every beginning of every short file, so that what was found once stays mended.
#include "target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

using Octets = std::vector<char>;

/// Beginnings of longer files take too long and find nothing that those of short ones do not.
constexpr std::size_t longest_cut = 2048;

Octets read(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// In a buffer of its own, so that AddressSanitizer sees a read beyond the last octet.
void feed(const Octets& octets, std::size_t size) {
    const std::vector<std::uint8_t> input(octets.begin(),
                                          octets.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(input.data(), input.size());
}

std::size_t run(const std::filesystem::path& file) {
    const Octets octets = read(file);
    std::printf("%s: %zu octets\n", file.c_str(), octets.size());
    // What was printed last names the input that crashed.
    std::fflush(stdout);
    feed(octets, octets.size());
    if (octets.size() > longest_cut) return 1;
    for (std::size_t size = 0; size < octets.size(); ++size)
        feed(octets, size);
    return 1 + octets.size();
}

} // namespace

int main(int count, char** arguments) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < count; ++i) {
        std::error_code error;
        if (!std::filesystem::is_directory(arguments[i], error)) {
            files.emplace_back(arguments[i]);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(arguments[i], error))
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::size_t inputs = 0;
    for (const auto& file : files)
        inputs += run(file);
    std::printf("%zu inputs\n", inputs);
    if (inputs == 0) std::fprintf(stderr, "no corpus\n");
    return inputs == 0 ? 1 : 0;
}
