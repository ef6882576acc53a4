// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/announcement.h"

#include "net/neighbour_frames.h"

namespace sallyport::underlay {

std::vector<std::uint8_t> announcement(const net::IpAddress& address, const net::MacAddress& mac) {
    // A request, not a reply: RFC 5227 section 3 tells that all implementations take it.
    return address.is_ipv4() ? net::arp_request(mac, address, address, net::broadcast_mac)
                             : net::unsolicited_advertisement(mac, address);
}

} // namespace sallyport::underlay
