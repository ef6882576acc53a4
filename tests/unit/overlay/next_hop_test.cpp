// SPDX-License-Identifier: BSD-3-Clause
#include "recording_path.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sallyport::overlay::test {
namespace {

class NextHops : public testing::Test {
  protected:
    RecordingPath path;
    ForwardingState state{Limits{.next_hops = 3}, {&path}};
    const net::IpAddress near = address("192.0.2.2");
    const net::IpAddress far = address("192.0.2.3");
    const net::IpAddress gateway = address("198.51.100.1");
    const net::IpAddress other_gateway = address("198.51.100.2");

    void SetUp() override {
        ASSERT_TRUE(state.add_tenant(blue()));
        path.log.clear();
    }
    void TearDown() override {
        EXPECT_EQ(path.rows(), rows_of(state));
        EXPECT_EQ(path.violations, std::vector<std::string>{});
    }
    std::optional<net::IpAddress> next_hop_of(const net::IpAddress& vtep) {
        const VtepRow* row = state.find_vtep(vtep);
        if (row == nullptr || !row->next_hop) return std::nullopt;
        return state.next_hop(*row->next_hop)->address;
    }
    NextHopLinks links_of(const net::IpAddress& next_hop) {
        const NextHopRow* row = state.find_next_hop(next_hop);
        return row ? row->links : NextHopLinks{};
    }
};

TEST_F(NextHops, VtepIsUnresolvedAtFirst) {
    EXPECT_EQ(next_hop_of(near), std::nullopt);
}

TEST_F(NextHops, NewNextHopIsPutBeforeTheVtep) {
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa1)));
    EXPECT_EQ(path.log, (std::vector<std::string>{"put next_hop 0", "put vtep 0"}));
    EXPECT_EQ(next_hop_of(far), gateway);
    EXPECT_EQ(links_of(gateway), links(0xa1));
    path.log.clear();
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa1)));
    EXPECT_TRUE(path.log.empty());
}

TEST_F(NextHops, LinksAreFollowedWithOneChange) {
    ASSERT_TRUE(state.set_next_hop(far, gateway, {}));
    EXPECT_EQ(links_of(gateway), NextHopLinks{});
    ASSERT_TRUE(state.set_next_hop(near, gateway, links(0xa1)));
    path.log.clear();
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa2)));
    EXPECT_EQ(path.log, std::vector<std::string>{"put next_hop 0"});
    EXPECT_EQ(state.next_hops().size(), 1U);
}

TEST_F(NextHops, MovesMakeBeforeBreak) {
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa1)));
    path.log.clear();
    ASSERT_TRUE(state.set_next_hop(far, other_gateway, links(0xa2)));
    EXPECT_EQ(path.log,
              (std::vector<std::string>{"put next_hop 1", "put vtep 0", "remove next_hop 0"}));
    EXPECT_EQ(state.find_next_hop(gateway), nullptr);
    // The number is free again.
    ASSERT_TRUE(state.set_next_hop(near, gateway, links(0xa1)));
    EXPECT_EQ(state.find_next_hop(gateway)->id, 0U);
}

TEST_F(NextHops, SharedNextHopStaysUntilTheLastLeaves) {
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa1)));
    ASSERT_TRUE(state.set_next_hop(near, gateway, links(0xa1)));
    ASSERT_TRUE(state.clear_next_hop(far));
    EXPECT_EQ(next_hop_of(far), std::nullopt);
    EXPECT_EQ(next_hop_of(near), gateway);
    ASSERT_TRUE(state.clear_next_hop(near));
    EXPECT_EQ(state.next_hops().size(), 0U);
    path.log.clear();
    ASSERT_TRUE(state.clear_next_hop(near));
    EXPECT_TRUE(path.log.empty());
}

TEST_F(NextHops, GoWithTheLastVtepOfARemovedTenant) {
    ASSERT_TRUE(state.add_tenant(red()));
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa1)));
    ASSERT_TRUE(state.set_next_hop(near, gateway, links(0xa1)));
    ASSERT_TRUE(state.remove_tenant("blue"));
    EXPECT_EQ(next_hop_of(near), gateway);
    ASSERT_TRUE(state.remove_tenant("red"));
    EXPECT_EQ(state.next_hops().size(), 0U);
}

TEST_F(NextHops, SeveralVtepsLeavingTogetherReleaseTheNextHopOnce) {
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa1)));
    ASSERT_TRUE(state.set_next_hop(near, gateway, links(0xa1)));
    path.log.clear();
    ASSERT_TRUE(state.remove_tenant("blue"));
    EXPECT_EQ(path.log.back(), "remove next_hop 0");
    EXPECT_EQ(std::count(path.log.begin(), path.log.end(), "remove next_hop 0"), 1);
}

TEST_F(NextHops, UnknownVtepIsAnError) {
    const auto set = state.set_next_hop(gateway, gateway, links(1));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().message(), "vtep 198.51.100.1: no tenant has this remote vtep");
    EXPECT_FALSE(state.clear_next_hop(gateway));
    EXPECT_EQ(state.next_hops().size(), 0U);
}

TEST_F(NextHops, LimitIsKept) {
    ASSERT_TRUE(state.set_static_next_hop(address("198.51.100.10"), links(1)));
    ASSERT_TRUE(state.set_static_next_hop(address("198.51.100.11"), links(1)));
    ASSERT_TRUE(state.set_static_next_hop(address("198.51.100.12"), links(1)));
    const auto set = state.set_next_hop(far, gateway, links(1));
    ASSERT_FALSE(set);
    EXPECT_NE(set.error().message().find("the limit is 3"), std::string::npos);
    EXPECT_EQ(next_hop_of(far), std::nullopt);
}

TEST_F(NextHops, StaticOneForTheVtepItselfWins) {
    ASSERT_TRUE(state.set_next_hop(near, gateway, links(0xa1)));
    path.log.clear();
    ASSERT_TRUE(state.set_static_next_hop(near, links(0xb1)));
    EXPECT_EQ(path.log,
              (std::vector<std::string>{"put next_hop 1", "put vtep 1", "remove next_hop 0"}));
    EXPECT_TRUE(state.is_static_next_hop(near));
    path.log.clear();
    ASSERT_TRUE(state.set_next_hop(near, gateway, links(0xa1)));
    ASSERT_TRUE(state.clear_next_hop(near));
    EXPECT_TRUE(path.log.empty());
    EXPECT_EQ(next_hop_of(near), near);
    EXPECT_EQ(links_of(near), links(0xb1));
}

TEST_F(NextHops, StaticOneWaitsForVtepsToCome) {
    ASSERT_TRUE(state.set_static_next_hop(address("2001:db8::2"), links(0xb1)));
    ASSERT_TRUE(state.add_tenant(red()));
    EXPECT_EQ(next_hop_of(address("2001:db8::2")), address("2001:db8::2"));
    ASSERT_TRUE(state.remove_tenant("red"));
    EXPECT_NE(state.find_next_hop(address("2001:db8::2")), nullptr);
}

TEST_F(NextHops, StaticLinksWinUplinkByUplink) {
    NextHopLinks first_only;
    first_only[0] = NextHopLink{mac(0xe0), mac(0xb1)};
    ASSERT_TRUE(state.set_static_next_hop(gateway, first_only));
    EXPECT_EQ(links_of(gateway), first_only);
    ASSERT_TRUE(state.set_next_hop(far, gateway, links(0xa1)));
    EXPECT_EQ(links_of(gateway), (NextHopLinks{first_only[0], links(0xa1)[1]}));
    EXPECT_EQ(next_hop_of(far), gateway);
    // A second word of the operator keeps the kernel's below it.
    NextHopLinks second_only;
    second_only[1] = NextHopLink{mac(0xe0), mac(0xb2)};
    ASSERT_TRUE(state.set_static_next_hop(gateway, second_only));
    EXPECT_EQ(links_of(gateway), (NextHopLinks{links(0xa1)[0], second_only[1]}));
    // The kernel's goes when nobody is routed through it any more.
    ASSERT_TRUE(state.clear_next_hop(far));
    EXPECT_EQ(links_of(gateway), second_only);
    ASSERT_TRUE(state.set_static_next_hop(gateway, {}));
    EXPECT_EQ(links_of(gateway), NextHopLinks{});
}

TEST_F(NextHops, KernelLinksOfAStaticVtepAreCleared) {
    NextHopLinks first_only;
    first_only[0] = NextHopLink{mac(0xe0), mac(0xb1)};
    ASSERT_TRUE(state.set_static_next_hop(near, first_only));
    ASSERT_TRUE(state.set_next_hop(near, near, links(0xa1)));
    EXPECT_EQ(links_of(near), (NextHopLinks{first_only[0], links(0xa1)[1]}));
    ASSERT_TRUE(state.clear_next_hop(near));
    EXPECT_EQ(next_hop_of(near), near);
    EXPECT_EQ(links_of(near), first_only);
}

TEST_F(NextHops, ActiveUplinkIsOneRow) {
    EXPECT_EQ(state.active_uplink(), std::nullopt);
    ASSERT_TRUE(state.set_active_uplink(1));
    ASSERT_TRUE(state.set_active_uplink(1));
    EXPECT_EQ(path.log, std::vector<std::string>{"put uplink"});
    EXPECT_EQ(state.active_uplink(), std::optional<UplinkIndex>(1));
    EXPECT_FALSE(state.set_active_uplink(2));
    ASSERT_TRUE(state.set_active_uplink(std::nullopt));
    EXPECT_EQ(state.active_uplink(), std::nullopt);
}

} // namespace
} // namespace sallyport::overlay::test
