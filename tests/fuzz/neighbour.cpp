// SPDX-License-Identifier: BSD-3-Clause
// Any octets as a frame with a neighbour's answer or question: the parsers stay inside what they
// may read, and take only what says where a station is, or asks.
#include "net/neighbour_frames.h"
#include "target.h"

#include <algorithm>
#include <memory>
#include <span>

using namespace sallyport;

namespace {

void require_station(const net::MacAddress& mac) {
    fuzz::require(!mac.is_multicast() && !mac.is_zero(), "a station has a MAC");
}

void check_reply(const net::NeighbourReply& reply, std::span<const std::uint8_t> frame) {
    fuzz::require(frame.size() >= 42, "the shortest answer is an ARP reply");
    require_station(reply.mac);
    fuzz::require(reply.address.is_ipv4() || !reply.address.is_multicast(),
                  "RFC 4861 section 7.1.2");
    fuzz::require(std::equal(reply.destination_mac.octets.begin(),
                             reply.destination_mac.octets.end(), frame.data()),
                  "the destination is the frame's");
    fuzz::require(!net::parse_neighbour_request(frame), "an answer is no question");
}

/// What we answer is understood.
void check_request(const net::NeighbourRequest& request, std::span<const std::uint8_t> frame) {
    fuzz::require(frame.size() >= 42, "the shortest question is an ARP request");
    require_station(request.sender_mac);
    const net::MacAddress ours{{2, 0, 0, 0, 0, 1}};
    if (request.target.is_ipv6() && request.sender.is_unspecified()) return;
    const auto answer =
        request.target.is_ipv4()
            ? net::arp_reply(ours, request.target, request.sender, request.sender_mac)
            : net::solicited_advertisement(ours, request.target, request.sender,
                                           request.sender_mac);
    const auto reply = net::parse_neighbour_reply(answer);
    fuzz::require(reply && reply->address == request.target && reply->mac == ours,
                  "our answer says where the address is");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    // Exactly as large as it may be read, so that AddressSanitizer sees one octet more.
    const std::unique_ptr<std::uint8_t[]> octets(new std::uint8_t[size]);
    std::copy_n(data, size, octets.get());
    const std::span<const std::uint8_t> frame{octets.get(), size};
    if (const auto reply = net::parse_neighbour_reply(frame)) check_reply(*reply, frame);
    if (const auto request = net::parse_neighbour_request(frame)) check_request(*request, frame);
    return 0;
}
