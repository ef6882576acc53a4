// SPDX-License-Identifier: BSD-3-Clause
// Any octets as a frame with a neighbour's answer: the parser stays inside what it may read, and
// takes only what says where a station is.
#include "net/neighbour_frames.h"
#include "target.h"

#include <algorithm>
#include <memory>

using namespace sallyport;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    // Exactly as large as it may be read, so that AddressSanitizer sees one octet more.
    const std::unique_ptr<std::uint8_t[]> octets(new std::uint8_t[size]);
    std::copy_n(data, size, octets.get());
    const auto reply = net::parse_neighbour_reply({octets.get(), size});
    if (!reply) return 0;
    fuzz::require(size >= 42, "the shortest answer is an ARP reply");
    fuzz::require(!reply->mac.is_multicast() && !reply->mac.is_zero(), "a station has a MAC");
    fuzz::require(reply->address.is_ipv4() || !reply->address.is_multicast(),
                  "RFC 4861 section 7.1.2");
    fuzz::require(std::equal(reply->destination_mac.octets.begin(),
                             reply->destination_mac.octets.end(), octets.get()),
                  "the destination is the frame's");
    // What we ask is nobody's answer.
    const auto ask = reply->address.is_ipv4()
                         ? net::arp_request(reply->mac, {}, reply->address, net::broadcast_mac)
                         : net::neighbour_solicitation(
                             reply->mac, net::link_local_address(reply->mac), reply->address, {});
    fuzz::require(!net::parse_neighbour_reply(ask), "a question is no answer");
    return 0;
}
