// SPDX-License-Identifier: BSD-3-Clause
#include "underlay/carrier_table.h"

#include <gtest/gtest.h>
#include <linux/if.h>

namespace sallyport::underlay {
namespace {

LinkHandle link_object(unsigned flags) {
    LinkHandle link(rtnl_link_alloc());
    rtnl_link_set_name(link.get(), "p0");
    rtnl_link_set_ifindex(link.get(), 7);
    rtnl_link_set_family(link.get(), AF_UNSPEC);
    rtnl_link_set_flags(link.get(), flags);
    return link;
}

TEST(ReadLink, carrier_takes_all_of_up_lower_up_and_running) {
    const unsigned all = IFF_UP | IFF_LOWER_UP | IFF_RUNNING;
    EXPECT_TRUE(read_link(*link_object(all))->carrier);
    for (unsigned missing : {unsigned{IFF_UP}, unsigned{IFF_LOWER_UP}, unsigned{IFF_RUNNING}})
        EXPECT_FALSE(read_link(*link_object(all & ~missing))->carrier) << missing;
    EXPECT_TRUE(read_link(*link_object(IFF_UP))->administratively_up);
    EXPECT_FALSE(read_link(*link_object(0))->administratively_up);
}

TEST(ReadLink, a_bridges_view_of_its_port_is_not_the_interface) {
    const LinkHandle link = link_object(IFF_UP);
    rtnl_link_set_family(link.get(), AF_BRIDGE);
    EXPECT_FALSE(read_link(*link));
}

class CarrierTableTest : public testing::Test {
  protected:
    void SetUp() override {
        table.watch("p0");
        EXPECT_EQ(table.changed("p0"), false) << "told at first, though nothing is known";
    }
    static Link link(unsigned index, const std::string& name, bool carrier) {
        return {index, name, carrier, carrier};
    }
    CarrierTable table;
};

TEST_F(CarrierTableTest, each_change_is_told_once) {
    table.apply(link(7, "p0", true), false);
    EXPECT_EQ(table.changed("p0"), true);
    EXPECT_EQ(table.changed("p0"), std::nullopt);
    table.apply(link(7, "p0", false), false);
    EXPECT_EQ(table.changed("p0"), false);
}

TEST_F(CarrierTableTest, others_do_not_matter) {
    table.apply(link(8, "p1", true), false);
    EXPECT_EQ(table.changed("p0"), std::nullopt);
    EXPECT_EQ(table.changed("p1"), std::nullopt) << "not watched";
}

TEST_F(CarrierTableTest, renamed_away_is_no_carrier_and_renamed_to_is_followed) {
    table.apply(link(7, "p0", true), false);
    EXPECT_EQ(table.changed("p0"), true);
    table.apply(link(7, "other", true), false);
    EXPECT_EQ(table.changed("p0"), false);
    table.apply(link(9, "p0", true), false);
    EXPECT_EQ(table.changed("p0"), true);
}

TEST_F(CarrierTableTest, late_removal_of_the_old_one_spares_the_new_one) {
    table.apply(link(7, "p0", true), false);
    table.apply(link(9, "p0", true), false);
    table.apply(link(7, "p0", true), true);
    EXPECT_EQ(table.changed("p0"), true);
    table.apply(link(9, "p0", true), true);
    EXPECT_EQ(table.changed("p0"), false);
}

TEST_F(CarrierTableTest, tells_which_interface_an_index_is) {
    EXPECT_EQ(table.index_of("p0"), 0U);
    EXPECT_EQ(table.name_of(7), "");
    table.apply(link(7, "p0", true), false);
    EXPECT_EQ(table.name_of(7), "p0");
    EXPECT_EQ(table.index_of("p0"), 7U);
    EXPECT_EQ(table.name_of(8), "");
    table.apply(link(7, "p0", true), true);
    EXPECT_EQ(table.name_of(7), "");
    EXPECT_EQ(table.index_of("elsewhere"), 0U);
}

TEST_F(CarrierTableTest, absence_is_no_carrier) {
    table.apply(link(7, "p0", true), false);
    EXPECT_EQ(table.changed("p0"), true);
    table.absent("p0");
    EXPECT_EQ(table.changed("p0"), false);
    table.unwatch("p0");
    EXPECT_TRUE(table.names().empty());
}

} // namespace
} // namespace sallyport::underlay
