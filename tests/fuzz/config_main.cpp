// SPDX-License-Identifier: BSD-3-Clause
// Any text as the main file: settings that survive being written and read again, or complaints
// that can be printed.
#include "config/parse.h"
#include "target.h"

#include <string_view>

using namespace sallyport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto settings = config::parse({"main.conf", text}, {});
    if (!settings) {
        fuzz::require(!settings.error().empty(), "a refusal has a reason");
        for (const config::Complaint& complaint : settings.error())
            fuzz::require(!complaint.wrong.empty() && !complaint.right.empty(),
                          "complete complaint: " + complaint.message());
        return 0;
    }
    fuzz::require(settings->uplinks.size() == 2, "two uplinks");
    const auto again = config::parse({"main.conf", config::main_config_text(*settings)}, {});
    fuzz::require(again.has_value(),
                  "settings load again: "
                      + (again ? std::string() : again.error().front().message()));
    fuzz::require(*again == *settings, "settings stay the same");
    return 0;
}
