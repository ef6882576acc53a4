// SPDX-License-Identifier: BSD-3-Clause
// What the model's E-Switch writes into the outer UDP source port, and the answer to
// rte_flow_calc_encap_hash().
#pragma once

#include "eswitch/model/packet_layers.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <rte_flow.h>

namespace sallyport::eswitch {

/// The fields that count, and no others; as they lie in the packet.
struct EncapFlow {
    /// IPv4 addresses in the last four octets.
    std::array<std::uint8_t, 16> destination{}, source{};
    std::uint8_t protocol = 0;
    /// Zero but for UDP and TCP.
    std::array<std::uint8_t, 2> destination_port{}, source_port{};
};

/// Of a frame; absent: it is not IP.
/// @param headers of the same @p packet
std::optional<EncapFlow> encap_flow(std::span<const std::uint8_t> packet, const Headers& headers);

/// Of a pattern's specs. Absent, with a complaint: there is no IP in it, or what has no meaning
/// here.
std::optional<EncapFlow> encap_flow(const rte_flow_item* items, std::string& complaint);

/// Host byte order, 49152 and above. As on a card, a hash of just the flow; not the card's own
/// polynomial.
std::uint16_t encap_source_port(const EncapFlow& flow);

} // namespace sallyport::eswitch
