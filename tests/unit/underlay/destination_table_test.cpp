// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/destination_table.h"

#include <gtest/gtest.h>

namespace sallyport::underlay {
namespace {

net::IpAddress ip(const std::string& text) {
    return net::IpAddress::parse(text).value();
}
net::IpPrefix prefix(const std::string& text) {
    return net::IpPrefix::parse(text).value();
}

std::set<std::string> take_all(DestinationTable& table) {
    std::set<std::string> taken;
    while (const auto destination = table.take_queued())
        taken.insert(destination->to_string());
    return taken;
}

class DestinationTableTest : public testing::Test {
  protected:
    void SetUp() override {
        for (const char* address : {"192.0.1.255", "192.0.2.0", "192.0.2.63", "192.0.2.64",
                                    "192.0.2.255", "192.0.3.0", "c000:240::1", "2001:db8::1"})
            table.add(ip(address));
    }
    DestinationTable table;
};

TEST_F(DestinationTableTest, queues_just_the_members_of_a_network) {
    table.queue(prefix("192.0.2.0/24"));
    EXPECT_EQ(take_all(table),
              (std::set<std::string>{"192.0.2.0", "192.0.2.63", "192.0.2.64", "192.0.2.255"}));
    table.queue(prefix("192.0.2.64/26"));
    EXPECT_EQ(take_all(table), (std::set<std::string>{"192.0.2.64"}));
    table.queue(prefix("192.0.2.63/32"));
    EXPECT_EQ(take_all(table), (std::set<std::string>{"192.0.2.63"}));
    table.queue(prefix("192.0.2.62/32"));
    EXPECT_FALSE(table.has_queued());
}

TEST_F(DestinationTableTest, default_route_means_all_of_its_family_only) {
    table.queue(prefix("::/0"));
    EXPECT_EQ(take_all(table), (std::set<std::string>{"c000:240::1", "2001:db8::1"}));
    table.queue(prefix("0.0.0.0/0"));
    EXPECT_EQ(take_all(table).size(), 6U);
}

TEST_F(DestinationTableTest, network_with_host_bits_set_is_taken_as_its_network) {
    table.queue(prefix("192.0.2.200/24"));
    EXPECT_EQ(take_all(table).size(), 4U);
}

TEST_F(DestinationTableTest, queued_ones_keep_their_turn_and_come_once) {
    table.queue(prefix("192.0.3.0/32"));
    table.queue_all();
    table.queue_all();
    EXPECT_EQ(table.take_queued(), ip("192.0.3.0"));
    EXPECT_EQ(take_all(table).size(), 7U);
    table.queue(prefix("192.0.3.0/32"));
    EXPECT_EQ(table.take_queued(), ip("192.0.3.0"));
}

TEST_F(DestinationTableTest, removed_one_leaves_the_queue) {
    table.queue_all();
    table.remove(ip("192.0.2.63"));
    const auto taken = take_all(table);
    EXPECT_EQ(taken.size(), 7U);
    EXPECT_FALSE(taken.contains("192.0.2.63"));
}

TEST_F(DestinationTableTest, next_hop_lives_as_long_as_a_destination_uses_it) {
    const auto gateway = ip("198.51.100.1");
    table.set_next_hop(ip("192.0.2.0"), gateway);
    table.set_next_hop(ip("192.0.2.63"), gateway);
    ASSERT_NE(table.find_next_hop(gateway), nullptr);
    EXPECT_EQ(table.find_next_hop(gateway)->destinations.size(), 2U);

    table.set_next_hop(ip("192.0.2.0"), ip("198.51.100.2"));
    ASSERT_NE(table.find_next_hop(gateway), nullptr);
    EXPECT_EQ(table.find_next_hop(gateway)->destinations, std::set{ip("192.0.2.63")});
    table.remove(ip("192.0.2.63"));
    EXPECT_EQ(table.find_next_hop(gateway), nullptr);
    table.set_next_hop(ip("192.0.2.0"), std::nullopt);
    EXPECT_EQ(table.find_next_hop(ip("198.51.100.2")), nullptr);
    EXPECT_EQ(table.next_hop(ip("192.0.2.0")), std::nullopt);

    table.set_next_hop(ip("203.0.113.1"), gateway); // not watched
    EXPECT_EQ(table.find_next_hop(gateway), nullptr);
}

TEST_F(DestinationTableTest, next_hops_are_listed_around_from_behind_the_start) {
    table.set_next_hop(ip("192.0.2.0"), ip("10.0.0.1"));
    table.set_next_hop(ip("192.0.2.63"), ip("10.0.0.2"));
    table.set_next_hop(ip("192.0.2.64"), ip("10.0.0.3"));
    EXPECT_EQ(table.next_hops_from(ip("10.0.0.2")),
              (std::vector{ip("10.0.0.3"), ip("10.0.0.1"), ip("10.0.0.2")}));
}

TEST_F(DestinationTableTest, each_resolution_is_new_once) {
    const Resolution none;
    const Resolution some{ip("198.51.100.1"), std::nullopt};
    EXPECT_TRUE(table.changed(ip("192.0.2.0"), none)) << "nothing was told yet";
    EXPECT_FALSE(table.changed(ip("192.0.2.0"), none));
    EXPECT_TRUE(table.changed(ip("192.0.2.0"), some));
    EXPECT_FALSE(table.changed(ip("192.0.2.0"), some));
    EXPECT_FALSE(table.changed(ip("203.0.113.1"), some)) << "not watched";
}

} // namespace
} // namespace sallyport::underlay
