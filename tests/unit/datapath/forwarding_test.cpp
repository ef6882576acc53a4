// SPDX-License-Identifier: BSD-3-Clause
// The software path between in-memory ports: what goes in, what comes out, and what is counted.
#include "support/frames.h"
#include "support/hypervisor.h"

#include <gtest/gtest.h>

namespace sallyport::testing {
namespace {

using datapath::DropReason;

class Forwarding : public ::testing::Test {
  protected:
    Forwarding() {
        remote = hypervisor.add_vtep("192.0.2.2");
        overlay::TenantRow row;
        row.vni = 100;
        row.local_vtep = local_vtep4;
        row.remote_vteps = {remote};
        tenant = hypervisor.add_tenant(row);
        a = &hypervisor.add_vm_port(tenant, "a", {mac(1)});
        b = &hypervisor.add_vm_port(tenant, "b", {mac(2)});
    }

    static Octets frame(std::uint8_t source, std::uint8_t destination) {
        return make_frame({.destination = mac(destination), .source = mac(source)});
    }
    void send(RingPort& port, const Octets& octets) {
        port.send(octets);
        hypervisor.run();
    }
    OuterFrame outer() const {
        return {.destination = underlay_mac,
                .source = next_hop_mac,
                .source_ip = *net::IpAddress::parse("192.0.2.2"),
                .destination_ip = local_vtep4};
    }
    void put_fdb(std::uint8_t station, overlay::FdbTarget target,
                 overlay::FdbOrigin origin = overlay::FdbOrigin::learned) {
        hypervisor.put(overlay::FdbRow{tenant, mac(station), target, origin});
    }

    Hypervisor hypervisor;
    overlay::VtepId remote;
    overlay::TenantId tenant;
    RingPort* a;
    RingPort* b;
};

TEST_F(Forwarding, SwitchesBetweenLocalPortsUnchanged) {
    put_fdb(2, overlay::VmPortRef{hypervisor.vm_port_id("b")});
    send(*a, frame(1, 2));
    EXPECT_EQ(b->receive(), std::vector<Octets>{frame(1, 2)});
    EXPECT_TRUE(hypervisor.uplink(0).receive().empty());
}

TEST_F(Forwarding, EncapsulatesForRemoteVtep) {
    put_fdb(9, overlay::VtepRef{remote});
    send(*a, frame(1, 9));
    const auto sent = hypervisor.uplink(0).receive();
    ASSERT_EQ(sent.size(), 1U);
    OuterFrame expected{.destination = next_hop_mac,
                        .source = underlay_mac,
                        .source_ip = local_vtep4,
                        .destination_ip = *net::IpAddress::parse("192.0.2.2")};
    expected.source_port = static_cast<std::uint16_t>(sent[0][34] << 8 | sent[0][35]);
    EXPECT_GE(expected.source_port, 49152);
    EXPECT_EQ(sent[0], make_vxlan(expected, frame(1, 9)));
    EXPECT_TRUE(hypervisor.uplink(1).receive().empty());
}

TEST_F(Forwarding, DecapsulatesAndLearns) {
    put_fdb(1, overlay::VmPortRef{hypervisor.vm_port_id("a")});
    send(hypervisor.uplink(0), make_vxlan(outer(), frame(9, 1)));
    EXPECT_EQ(a->receive(), std::vector<Octets>{frame(9, 1)});
    const auto learned = hypervisor.learn();
    ASSERT_EQ(learned.size(), 1U);
    EXPECT_EQ(learned[0].mac, mac(9));
    EXPECT_EQ(learned[0].seen_at, overlay::FdbTarget{overlay::VtepRef{remote}});
}

} // namespace
} // namespace sallyport::testing
