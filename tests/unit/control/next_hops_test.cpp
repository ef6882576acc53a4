// SPDX-License-Identifier: BSD-3-Clause
#include "control/next_hops.h"
#include "control/tenants.h"
#include "fakes.h"

#include <gtest/gtest.h>

namespace sallyport::control {
namespace {

using fakes::ip;
using fakes::mac;

const net::MacAddress source = mac("02:00:00:00:00:01");
const net::MacAddress kernels = mac("02:00:00:00:00:aa");
const net::MacAddress first = mac("02:00:00:00:00:bb");
const net::MacAddress second = mac("02:00:00:00:00:cc");
const std::vector<config::UplinkSettings> uplinks = {{"p0", "", ""}, {"p1", "", ""}};

TEST(StaticLinks, WithoutAnUplinkTheyHoldForBoth) {
    auto links = static_links(std::vector<config::NextHopSettings>{{ip("192.0.2.2"), first, ""}},
                              uplinks, source);
    ASSERT_EQ(links.size(), 1U);
    const auto& both = links[ip("192.0.2.2")];
    EXPECT_EQ(both[0], (overlay::NextHopLink{source, first}));
    EXPECT_EQ(both[1], (overlay::NextHopLink{source, first}));
}

TEST(StaticLinks, TheParticularWinsOverTheGeneralInAnyOrder) {
    std::vector<config::NextHopSettings> settings = {{ip("192.0.2.2"), second, "p1"},
                                                     {ip("192.0.2.2"), first, ""}};
    for (int order = 0; order < 2; ++order) {
        auto links = static_links(settings, uplinks, source);
        EXPECT_EQ(links[ip("192.0.2.2")][0]->destination, first);
        EXPECT_EQ(links[ip("192.0.2.2")][1]->destination, second);
        std::swap(settings[0], settings[1]);
    }
}

TEST(StaticLinks, OneUplinkAloneLeavesTheOtherOpen) {
    auto links = static_links(std::vector<config::NextHopSettings>{{ip("fe80::2"), first, "p1"}},
                              uplinks, source);
    EXPECT_FALSE(links[ip("fe80::2")][0]);
    EXPECT_TRUE(links[ip("fe80::2")][1]);
}

TEST(KernelLinks, HoldForBothUplinksOrNone) {
    auto known = kernel_links({ip("192.0.2.2"), kernels}, source);
    EXPECT_EQ(known[0], (overlay::NextHopLink{source, kernels}));
    EXPECT_EQ(known[1], known[0]);
    auto unknown = kernel_links({ip("192.0.2.2"), std::nullopt}, source);
    EXPECT_FALSE(unknown[0] || unknown[1]);
}

class NextHopsTest : public ::testing::Test {
  protected:
    NextHopsTest() {
        kernel.told = [this](const auto& vtep, const auto& resolution) {
            next_hops.resolved(vtep, resolution);
        };
    }
    void add_tenant(std::vector<net::IpAddress> remote) {
        overlay::TenantSpec spec;
        spec.name = "blue";
        spec.vni = 100;
        spec.local_vtep = ip("192.0.2.1");
        spec.remote_vteps = std::move(remote);
        auto added = state.add_tenant(spec);
        ASSERT_TRUE(added) << added.error().message();
        next_hops.watch(added->new_vteps);
    }
    const overlay::NextHopRow* next_hop_of(const net::IpAddress& vtep) {
        const auto* row = state.find_vtep(vtep);
        return row != nullptr && row->next_hop ? state.next_hop(*row->next_hop) : nullptr;
    }

    fakes::Path path;
    fakes::Kernel kernel;
    overlay::ForwardingState state{overlay::Limits{}, {&path}};
    NextHops next_hops{state, &kernel, source};
};

TEST_F(NextHopsTest, WhatTheKernelKnowsAtOnceIsUsedAtOnce) {
    kernel.routes[ip("198.51.100.7")] = {ip("192.0.2.254"), kernels};
    add_tenant({ip("198.51.100.7")});
    const auto* row = next_hop_of(ip("198.51.100.7"));
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(row->address, ip("192.0.2.254"));
    EXPECT_EQ(row->links[0], (overlay::NextHopLink{source, kernels}));
    EXPECT_EQ(row->links[1], (overlay::NextHopLink{source, kernels}));
}

TEST_F(NextHopsTest, ANeighbourThatChangesItsMacIsFollowed) {
    kernel.routes[ip("192.0.2.2")] = {ip("192.0.2.2"), std::nullopt};
    add_tenant({ip("192.0.2.2")});
    ASSERT_NE(next_hop_of(ip("192.0.2.2")), nullptr);
    EXPECT_FALSE(next_hop_of(ip("192.0.2.2"))->links[0]);
    next_hops.resolved(ip("192.0.2.2"), {ip("192.0.2.2"), first});
    EXPECT_EQ(next_hop_of(ip("192.0.2.2"))->links[0]->destination, first);
    next_hops.resolved(ip("192.0.2.2"), {ip("192.0.2.2"), second});
    EXPECT_EQ(next_hop_of(ip("192.0.2.2"))->links[1]->destination, second);
}

TEST_F(NextHopsTest, ALostRouteTakesTheNextHopAway) {
    kernel.routes[ip("192.0.2.2")] = {ip("192.0.2.2"), kernels};
    add_tenant({ip("192.0.2.2")});
    next_hops.resolved(ip("192.0.2.2"), {});
    EXPECT_EQ(next_hop_of(ip("192.0.2.2")), nullptr);
}

TEST_F(NextHopsTest, AStaticLinkOverridesItsOwnUplinkOnly) {
    std::vector<config::NextHopSettings> settings = {{ip("192.0.2.254"), first, "p1"}};
    ASSERT_TRUE(next_hops.set_static(static_links(settings, uplinks, source)));
    kernel.routes[ip("198.51.100.7")] = {ip("192.0.2.254"), kernels};
    add_tenant({ip("198.51.100.7")});
    const auto* row = next_hop_of(ip("198.51.100.7"));
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(row->links[0]->destination, kernels);
    EXPECT_EQ(row->links[1]->destination, first);
}

TEST_F(NextHopsTest, WithoutAKernelStaticNextHopsAreAllThereIs) {
    NextHops alone(state, nullptr, source);
    std::vector<config::NextHopSettings> settings = {{ip("192.0.2.2"), first, ""}};
    ASSERT_TRUE(alone.set_static(static_links(settings, uplinks, source)));
    add_tenant({ip("192.0.2.2"), ip("192.0.2.3")});
    alone.watch(std::vector{ip("192.0.2.2"), ip("192.0.2.3")});
    alone.unwatch(std::vector{ip("192.0.2.3")});
    ASSERT_NE(next_hop_of(ip("192.0.2.2")), nullptr);
    EXPECT_EQ(next_hop_of(ip("192.0.2.2"))->links[0]->destination, first);
    EXPECT_EQ(next_hop_of(ip("192.0.2.3")), nullptr);
}

TEST_F(NextHopsTest, AWordOnAVtepThatIsGoneIsIgnored) {
    auto before = path.changes.size();
    next_hops.resolved(ip("203.0.113.9"), {ip("203.0.113.9"), kernels});
    EXPECT_EQ(path.changes.size(), before);
    EXPECT_TRUE(state.next_hops().empty());
}

} // namespace
} // namespace sallyport::control
