// SPDX-License-Identifier: BSD-3-Clause
// Any text as an address of each kind: what is read is written so that it reads as the same again.
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "target.h"

#include <string_view>

using namespace sallyport;

namespace {

template<class Address>
void check(std::string_view text) {
    const auto address = Address::parse(text);
    if (!address) return;
    const std::string written = address->to_string();
    const auto again = Address::parse(written);
    fuzz::require(again.has_value(), written + " can be read");
    fuzz::require(*again == *address, written + " stays the same");
    fuzz::require(again->to_string() == written, written + " is written in one way only");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check<net::MacAddress>(text);
    check<net::IpAddress>(text);
    check<net::IpPrefix>(text);
    return 0;
}
