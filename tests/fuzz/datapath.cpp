// SPDX-License-Identifier: BSD-3-Clause
// Any frames into the whole graph, by vm ports of two tenants, the uplinks and the host port: each
// is sent or counted, no buffer is lost, and none crosses from tenant to tenant.
#include "support/hypervisor.h"
#include "target.h"

#include <algorithm>

#include <rte_mempool.h>

using namespace sallyport;
// GoogleTest has a namespace "testing" too.
namespace support = sallyport::testing;
using support::Octets;
using support::RingPort;

namespace {

constexpr std::uint32_t blue_vni = 100, red_vni = 200;

struct World {
    support::Hypervisor hypervisor;
    std::vector<RingPort*> blue, red;

    World() {
        const overlay::VtepId vtep4 = hypervisor.add_vtep("192.0.2.2");
        const overlay::VtepId vtep6 = hypervisor.add_vtep("2001:db8::2");
        overlay::TenantRow row;
        row.vni = blue_vni;
        row.local_vtep = support::local_vtep4;
        row.remote_vteps = {vtep4};
        row.mtu = 200;
        row.pass_inner_vlan = true;
        blue = fill(hypervisor.add_tenant(row), "blue", vtep4);
        row = {};
        row.vni = red_vni;
        row.local_vtep = support::local_vtep6;
        row.remote_vteps = {vtep6};
        row.mtu = 200;
        red = fill(hypervisor.add_tenant(row), "red", vtep6);
    }

    std::vector<RingPort*> fill(overlay::TenantId tenant, const std::string& name,
                                overlay::VtepId vtep) {
        std::vector<RingPort*> ports;
        for (const char* const suffix : {"1", "2"})
            ports.push_back(&hypervisor.add_vm_port(tenant, name + suffix));
        // 02:00:00:00:10:02 is local, :09 remote, all else is flooded.
        hypervisor.put(overlay::FdbRow{tenant,
                                       *net::MacAddress::parse("02:00:00:00:10:02"),
                                       overlay::VmPortRef{hypervisor.vm_port_id(name + "2")},
                                       {}});
        hypervisor.put(overlay::FdbRow{
            tenant, *net::MacAddress::parse("02:00:00:00:10:09"), overlay::VtepRef{vtep}, {}});
        return ports;
    }

    std::uint64_t drops() {
        std::uint64_t sum = 0;
        for (const std::uint64_t count : hypervisor.path().drops())
            sum += count;
        return sum;
    }
};

std::uint32_t vni_of(const Octets& packet) {
    const std::size_t at = packet.at(12) == 0x08 ? 46 : 66;
    return static_cast<std::uint32_t>(packet.at(at) << 16 | packet.at(at + 1) << 8
                                      | packet.at(at + 2));
}

std::size_t receive(const std::vector<RingPort*>& ports) {
    std::size_t count = 0;
    for (RingPort* const port : ports)
        count += port->receive().size();
    return count;
}

/// As a driver may deliver it: in one buffer, or in two.
void put_in(World& world, RingPort& port, const std::uint8_t* frame, std::size_t length,
            std::size_t split) {
    rte_mempool* const pool = world.hypervisor.path().buffer_pool();
    rte_mbuf* packet = rte_pktmbuf_alloc(pool);
    fuzz::require(packet != nullptr, "there are buffers");
    const std::size_t first = split == 0 || split >= length ? length : split;
    std::copy_n(frame, first, rte_pktmbuf_append(packet, static_cast<std::uint16_t>(first)));
    if (first < length) {
        rte_mbuf* const second = rte_pktmbuf_alloc(pool);
        fuzz::require(second != nullptr, "there are buffers");
        std::copy_n(frame + first, length - first,
                    rte_pktmbuf_append(second, static_cast<std::uint16_t>(length - first)));
        fuzz::require(rte_pktmbuf_chain(packet, second) == 0, "buffers can be chained");
    }
    port.send_bulk(&packet, 1);
}

enum Way : unsigned { by_blue1, by_blue2, by_red1, by_red2, by_uplink, by_backup, by_host, ways };

void feed(World& world, unsigned way, const std::uint8_t* frame, std::size_t length,
          std::size_t split) {
    support::Hypervisor& hypervisor = world.hypervisor;
    RingPort* const ports[] = {world.blue[0],     world.blue[1],         world.red[0],
                               world.red[1],      &hypervisor.uplink(0), &hypervisor.uplink(1),
                               &hypervisor.host()};
    const std::uint64_t dropped_before = world.drops();
    put_in(world, *ports[way], frame, length, split);
    hypervisor.run();
    const std::size_t to_blue = receive(world.blue), to_red = receive(world.red);
    const std::size_t to_host = receive({&hypervisor.host()});
    const auto out = hypervisor.uplink(0).receive();
    const std::size_t sent = to_blue + to_red + to_host + out.size();
    fuzz::require(hypervisor.uplink(1).receive().empty(), "the backup is silent");
    fuzz::require(sent + world.drops() - dropped_before >= 1, "sent or counted");
    fuzz::require(to_blue == 0 || to_red == 0, "one tenant at most");
    if (way <= by_red2) {
        const bool from_blue = way <= by_blue2;
        fuzz::require((from_blue ? to_red : to_blue) == 0 && to_host == 0, "stays in its tenant");
        for (const Octets& packet : out)
            fuzz::require(vni_of(packet) == (from_blue ? blue_vni : red_vni), "has its VNI");
    } else if (way == by_host) {
        fuzz::require(to_blue + to_red + to_host == 0, "Linux reaches no VM");
    } else {
        fuzz::require(out.empty(), "nothing from the underlay goes back to it");
    }
    fuzz::require(rte_mempool_in_use_count(hypervisor.path().buffer_pool()) == 0,
                  "all buffers are back");
}

} // namespace

// Frames one after another: way, where to split, two octets of length, the frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { // NOLINT
    // Never taken down: DPDK does not start twice in a process.
    static World& world = *new World;
    for (unsigned frames = 0; size > 4 && frames < 8; ++frames) {
        const std::size_t wanted = static_cast<std::size_t>(data[2] << 8 | data[3]);
        const std::size_t length = std::min({wanted, size - 4, std::size_t{1700}});
        if (length > 0) feed(world, data[0] % ways, data + 4, length, data[1]);
        data += 4 + length;
        size -= 4 + length;
    }
    std::vector<overlay::LearnEvent> events;
    world.hypervisor.path().take_learned(events, 1024);
    return 0;
}
