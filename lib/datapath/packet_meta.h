// SPDX-License-Identifier: BSD-3-Clause
// What one node tells the next about a packet, kept in the mbuf's dynamic field.
#pragma once

#include "base/error.h"
#include "datapath/drop_reason.h"
#include "net/frame.h"

#include <cstdint>

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

namespace sallyport::datapath {

/// PacketMeta::source_port of a packet that came from a remote vtep.
inline constexpr std::uint16_t from_underlay = 0xffff;
inline constexpr std::uint16_t no_tenant = 0xffff;

/// What a packet that was left to another worker is there for.
enum class Stage : std::uint8_t { send, open, protect };

struct PacketMeta {
    /// TenantId; no_tenant where none is known (yet).
    std::uint16_t tenant;
    /// VmPortId the frame came from, or from_underlay.
    std::uint16_t source_port;
    /// Tunnel index: the one it came by, then the one it leaves by. Of ESP that was not opened yet,
    /// the SPI.
    std::uint32_t tunnel;
    /// DPDK port id to send by.
    std::uint16_t out_port;
    DropReason reason;
    std::uint8_t traffic_class;
    net::L3 l3;
    Stage stage;
    /// From the inner Ethernet header.
    std::uint16_t l3_offset;
    std::uint32_t flow_hash;
};
static_assert(sizeof(PacketMeta) == 20);

/// Offset of the field in the mbuf, the same in the whole process once registered.
extern int packet_meta_offset;

/// Registers the field; harmless when called again. Control thread, before any worker runs.
Expected<void> register_packet_meta();

inline PacketMeta& meta(rte_mbuf* packet) {
    return *RTE_MBUF_DYNFIELD(packet, packet_meta_offset, PacketMeta*);
}

} // namespace sallyport::datapath
