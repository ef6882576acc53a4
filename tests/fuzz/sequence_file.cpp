// SPDX-License-Identifier: BSD-3-Clause
// Any octets as the state file of sequence numbers: what is read is written as it was.
#include "ipsec/sequence_file.h"

#include "target.h"

using namespace sallyport;
using namespace sallyport::ipsec;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto state = parse_sequence_file(text);
    if (!state) return 0;
    fuzz::require(state->bounds.size() <= most_stored_sas, "the number of SAs is within its bound");
    fuzz::require(to_text(*state) == text, "a state has one text");
    return 0;
}
