// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch.h"

#include "receive_side.h"
#include "report.h"
#include "walk.h"
#include "world.h"

#include <algorithm>

namespace mlx5sim {

namespace {

/// What no rule of the E-Switch keeps belongs to the host: the NIC of the E-Switch's manager. The
/// registers come along.
void enter_host(Packet& packet) {
    const Verdict verdict = walk(packet, MLX5_IB_UAPI_FLOW_TABLE_TYPE_NIC_RX, Side::receive);
    if (verdict.kind != Verdict::Kind::tir) {
        trace("  no receive queue wants it");
        return;
    }
    Received about;
    about.has_flow_tag = packet.flow_tag.has_value();
    about.flow_tag = packet.flow_tag.value_or(0);
    about.metadata = packet.b;
    std::copy_n(packet.c.begin(), about.registers.size(), about.registers.begin());
    trace("  to TIR %u", verdict.tir);
    deliver_to_tir(verdict.tir, packet.octets(), about);
}

void leave(const Verdict& to, Packet& packet) {
    if (to.vport == manager_vport) return enter_host(packet);
    const Port* const port = topology()->find_vport(to.vhca_id, to.vport);
    if (port == nullptr) refuse("there is no vport %u of vhca %u", to.vport, to.vhca_id);
    trace("  out of %s", port->phys_port_name.c_str());
    send_out(*port, packet.octets());
}

void enter_switch(Packet& packet, std::uint32_t tag, Side side) {
    packet.c[0] = (packet.c[0] & ~vport_tag_mask) | tag;
    const Verdict verdict = walk(packet, MLX5_IB_UAPI_FLOW_TABLE_TYPE_FDB, side);
    switch (verdict.kind) {
    case Verdict::Kind::vport:
        return leave(verdict, packet);
    case Verdict::Kind::allow:
    case Verdict::Kind::miss:
        return enter_host(packet);
    case Verdict::Kind::drop:
        trace("  dropped");
        return;
    case Verdict::Kind::tir:
        refuse("a TIR as a destination in the E-Switch is not simulated");
    }
}

} // namespace

void enter_from_outside(const Port& port, std::span<const std::uint8_t> frame) {
    trace("from %s: a packet of %zu octets", port.phys_port_name.c_str(), frame.size());
    Packet packet(frame);
    packet.source_vhca = port.vhca_id;
    packet.source_vport = port.vport;
    enter_switch(packet, port.tag, port.is_uplink() ? Side::receive : Side::transmit);
}

void enter_from_queue(std::uint32_t sqn, std::span<const std::uint8_t> frame) {
    trace("send queue %u: a packet of %zu octets", sqn, frame.size());
    Packet packet(frame);
    packet.send_queue = sqn;
    const Verdict verdict = walk(packet, MLX5_IB_UAPI_FLOW_TABLE_TYPE_NIC_TX, Side::receive);
    if (verdict.kind == Verdict::Kind::drop) return;
    packet.source_vhca = manager_vhca;
    packet.source_vport = manager_vport;
    enter_switch(packet, manager_tag, Side::transmit);
}

} // namespace mlx5sim
