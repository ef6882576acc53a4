// SPDX-License-Identifier: BSD-3-Clause
// The frames by which neighbours of a link find, tell and answer each other: ARP (RFC 826,
// RFC 5227) and IPv6 neighbour discovery (RFC 4861).
#pragma once

#include "net/ip_address.h"
#include "net/mac_address.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sallyport::net {

inline constexpr MacAddress broadcast_mac = MacAddress::from_u64(0xffff'ffff'ffff);

/// fe80::/64 with the interface identifier made of @p mac (RFC 4291 appendix A).
IpAddress link_local_address(const MacAddress& mac);

/// All frames here are whole Ethernet frames without FCS and tags, ARP padded to 60 octets.
///
/// @param sender IPv4; 0.0.0.0 makes it an ARP probe (RFC 5227 section 2.1.1): it is answered to
///        @p source_mac, and nobody learns anything from it
/// @param destination_mac broadcast, or the target's where a unicast poll is meant (RFC 1122
///        section 2.3.2.1)
std::vector<std::uint8_t> arp_request(const MacAddress& source_mac, const IpAddress& sender,
                                      const IpAddress& target, const MacAddress& destination_mac);

/// With the source link-layer address option, from @p source, an IPv6 address by which the answer
/// comes; not unspecified, or the answer would go to all nodes.
/// @param destination_mac absent: to the target's solicited-node multicast group
std::vector<std::uint8_t> neighbour_solicitation(const MacAddress& source_mac,
                                                 const IpAddress& source, const IpAddress& target,
                                                 const std::optional<MacAddress>& destination_mac);

/// Answers an arp_request(): @p address is at @p source_mac.
/// @param destination whoever asked, with its MAC
std::vector<std::uint8_t> arp_reply(const MacAddress& source_mac, const IpAddress& address,
                                    const IpAddress& destination,
                                    const MacAddress& destination_mac);

/// Answers a neighbour_solicitation(), with the override flag (RFC 4861 section 7.2.4).
std::vector<std::uint8_t> solicited_advertisement(const MacAddress& source_mac,
                                                  const IpAddress& address,
                                                  const IpAddress& destination,
                                                  const MacAddress& destination_mac);

/// Unsolicited, to all nodes, with the override flag (RFC 4861 section 7.2.6).
std::vector<std::uint8_t> unsolicited_advertisement(const MacAddress& source_mac,
                                                    const IpAddress& address);

/// What a neighbour answered.
struct NeighbourReply {
    IpAddress address;
    /// Where it says it is.
    MacAddress mac;
    /// To whom it answered.
    MacAddress destination_mac;
};

/// Takes an ARP reply, or a solicited neighbour advertisement that is valid by RFC 4861 section
/// 7.1.2; nothing else confirms that the neighbour was reached (RFC 4861 section 7.3.1).
/// @param frame any octets
std::optional<NeighbourReply> parse_neighbour_reply(std::span<const std::uint8_t> frame);

/// Who asks where an address is.
struct NeighbourRequest {
    IpAddress target;
    /// 0.0.0.0 or :: asks whether anybody has the address (RFC 5227, RFC 4862 section 5.4).
    IpAddress sender;
    MacAddress sender_mac;
};

/// Takes an ARP request, or a neighbour solicitation that is valid by RFC 4861 section 7.1.1.
/// @param frame any octets
std::optional<NeighbourRequest> parse_neighbour_request(std::span<const std::uint8_t> frame);

} // namespace sallyport::net
