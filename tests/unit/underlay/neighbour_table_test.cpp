// SPDX-License-Identifier: BSD-3-Clause
// What the table makes of events that the kernel sends too rarely to be waited for.
#include "underlay/neighbour_table.h"

#include <gtest/gtest.h>
#include <linux/neighbour.h>

namespace sallyport::underlay {
namespace {

constexpr unsigned loopback = 1; // in every network namespace

const net::IpAddress address = net::IpAddress::parse("192.0.2.9").value();
const net::MacAddress mac = net::MacAddress::parse("02:00:00:00:00:aa").value();

NeighbourHandle event(int state, unsigned flags = 0, int family = AF_INET) {
    NeighbourHandle neighbour(rtnl_neigh_alloc());
    rtnl_neigh_set_ifindex(neighbour.get(), static_cast<int>(loopback));
    rtnl_neigh_set_dst(neighbour.get(), to_netlink(address).get());
    rtnl_neigh_set_family(neighbour.get(), family);
    const NlAddressHandle lladdr(nl_addr_build(AF_LLC, mac.octets.data(), mac.octets.size()));
    rtnl_neigh_set_lladdr(neighbour.get(), lladdr.get());
    rtnl_neigh_set_state(neighbour.get(), state);
    rtnl_neigh_set_flags(neighbour.get(), flags);
    return neighbour;
}

class NeighbourTableTest : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = NeighbourTable::open();
        ASSERT_TRUE(opened) << opened.error().message();
        table = std::make_unique<NeighbourTable>(std::move(*opened));
        ASSERT_TRUE(table->load(loopback));
        ASSERT_EQ(table->find(address), std::nullopt);
    }
    std::unique_ptr<NeighbourTable> table;
};

TEST_F(NeighbourTableTest, known_until_deleted) {
    EXPECT_EQ(table->apply(*event(NUD_REACHABLE), false), address);
    EXPECT_EQ(table->find(address), (NeighbourTable::Neighbour{mac, false}));
    // Thrown away for want of room or with its link, it still has its MAC and its last state.
    EXPECT_EQ(table->apply(*event(NUD_REACHABLE), true), address);
    EXPECT_EQ(table->find(address), std::nullopt);
}

TEST_F(NeighbourTableTest, failed_and_incomplete_are_unknown_whatever_mac_they_had) {
    for (int state : {NUD_FAILED, NUD_INCOMPLETE, NUD_NONE}) {
        EXPECT_EQ(table->apply(*event(NUD_REACHABLE), false), address);
        EXPECT_EQ(table->apply(*event(state), false), address) << state;
        EXPECT_EQ(table->find(address), std::nullopt) << state;
    }
}

TEST_F(NeighbourTableTest, stale_is_no_change_of_the_mac) {
    EXPECT_EQ(table->apply(*event(NUD_REACHABLE), false), address);
    EXPECT_EQ(table->apply(*event(NUD_STALE), false), std::nullopt);
    EXPECT_EQ(table->find(address), (NeighbourTable::Neighbour{mac, true}));
}

TEST_F(NeighbourTableTest, proxy_and_bridge_entries_are_others) {
    EXPECT_EQ(table->apply(*event(NUD_PERMANENT, NTF_PROXY), false), std::nullopt);
    EXPECT_EQ(table->apply(*event(NUD_PERMANENT, 0, AF_BRIDGE), false), std::nullopt);
    EXPECT_EQ(table->find(address), std::nullopt);
}

TEST_F(NeighbourTableTest, nothing_is_taken_without_an_interface) {
    ASSERT_TRUE(table->load(0));
    EXPECT_EQ(table->apply(*event(NUD_REACHABLE), false), std::nullopt);
}

} // namespace
} // namespace sallyport::underlay
