// SPDX-License-Identifier: BSD-3-Clause
// Any text as an address of each kind: what is read is written so that it reads as the same again.
#include "net/card_function.h"
#include "net/hex.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "net/pci_address.h"
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

void check_card_names(std::string_view text) {
    if (const auto function = net::parse_card_function(text))
        fuzz::require(to_string(*function) == text, "a function has one name");
    const auto pci = net::parse_pci_address(text);
    if (!pci) return;
    const auto again = net::parse_pci_address(to_string(*pci));
    fuzz::require(again && *again == *pci, to_string(*pci) + " stays the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check<net::MacAddress>(text);
    check<net::IpAddress>(text);
    check<net::IpPrefix>(text);
    check_card_names(text);
    static_cast<void>(net::parse_hex(text));
    return 0;
}
