// SPDX-License-Identifier: BSD-3-Clause
// What every fuzz target is made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

// libFuzzer's own names. The target takes any octets; it must neither crash nor keep state.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size); // NOLINT

namespace sallyport::fuzz {

/// Ends the process, which is a finding, where a property does not hold.
inline void require(bool holds, const std::string& property) {
    if (holds) return;
    std::fprintf(stderr, "property does not hold: %s\n", property.c_str());
    std::abort();
}

} // namespace sallyport::fuzz
