// SPDX-License-Identifier: BSD-3-Clause
// Headers on and off, and fields changed.
#pragma once

#include "eswitch/model/model_packet.h"
#include "eswitch/modify_field.h"

#include <cstdint>
#include <span>

namespace sallyport::eswitch {

/// Off with everything up to the VXLAN header of the outermost frame.
/// @return false: there is none
bool strip_vxlan(ModelPacket& packet);

/// Puts @p header in front and fills in what the NIC does: IPv4 total length and header checksum,
/// IPv6 payload length, UDP length, and around IP the UDP source port.
void encapsulate(ModelPacket& packet, std::span<const std::uint8_t> header);

/// @param value 16 octets, as in rte_flow_action_modify_data: its bits are taken from the same
///              places as they go to
void set_field(ModelPacket& packet, const FieldChange& change, const std::uint8_t* value);

} // namespace sallyport::eswitch
