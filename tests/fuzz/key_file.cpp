// SPDX-License-Identifier: BSD-3-Clause
// Any octets as a key file: a key that is written in the plainest form is read as the same, and a
// fault comes with no key.
#include "ipsec/key_file.h"

#include "target.h"

#include <string>

using namespace sallyport;
using namespace sallyport::ipsec;

namespace {

std::string plain(const Secret& key) {
    static const char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t octet : key.octets()) {
        text += digits[octet >> 4];
        text += digits[octet & 0xf];
    }
    return text;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    const ParsedKey parsed = parse_key({reinterpret_cast<const char*>(data), size});
    fuzz::require((parsed.fault == KeyFault::none) == !parsed.key.empty(), "a key or a fault");
    fuzz::require(parsed.key.size() <= Secret::most, "a key is within its bound");
    if (parsed.fault != KeyFault::none) return 0;
    fuzz::require(parsed.key.size() * 2 <= size, "no octet comes from nowhere");
    const ParsedKey again = parse_key("0x" + plain(parsed.key));
    fuzz::require(again.key.equals(parsed.key), "a key that is written is read as it was");
    return 0;
}
