// SPDX-License-Identifier: BSD-3-Clause
// Names in and out: PCI addresses, functions, device arguments, DPDK's port names and releases.
#include "bring_up_fakes.h"
#include "eswitch/bring_up/device_arguments.h"
#include "eswitch/bring_up/dpdk_release.h"
#include "eswitch/bring_up/port_names.h"

#include <gtest/gtest.h>

namespace sallyport::eswitch {
namespace {

using Kind = NamedPort::Kind;

Kind kind_of(std::string_view name) {
    return interpret_port_name(name, card_address).kind;
}

TEST(PciAddressTest, IsReadAndWrittenAsLspciDoes) {
    const auto address = net::parse_pci_address("0000:08:00.0");
    ASSERT_TRUE(address);
    EXPECT_EQ(*address, card_address);
    EXPECT_EQ(to_string(*address), "0000:08:00.0");
    EXPECT_EQ(to_string(*net::parse_pci_address("10000:AF:1f.7")), "10000:af:1f.7");
    EXPECT_EQ(to_string(net::physical_function(*address, 1)), "0000:08:00.1");
}

TEST(PciAddressTest, NothingElseIsTaken) {
    for (const char* text :
         {"", "08:00.0", "0000:08:00", "0000:08:00.8", "0000:08:20.0", "0000:8:00.0", "0000:08:0.0",
          "000:08:00.0", "123456789:08:00.0", "0000:08:00.0 ", " 0000:08:00.0", "0000:08:00.00",
          "0000:-8:00.0", "0000:0x:00.0", "0000:08:00.0,dv_flow_en=1", "0000:08:00.\0"}) {
        const auto address = net::parse_pci_address(text);
        ASSERT_FALSE(address) << text;
        EXPECT_EQ(address.error().what, "'" + std::string(text) + "' is no PCI address");
        EXPECT_NE(address.error().remedy, "");
    }
}

TEST(FunctionTest, UplinksAndVfsAreReadAndWritten) {
    EXPECT_EQ(*net::parse_card_function("pf0"), net::first_uplink);
    EXPECT_EQ(*net::parse_card_function("pf1"), net::second_uplink);
    EXPECT_EQ(*net::parse_card_function("pf0vf3"), (net::CardFunction{0, 3}));
    EXPECT_EQ(*net::parse_card_function("pf1vf65534"), (net::CardFunction{1, 65534}));
    for (const char* text : {"pf0", "pf1", "pf0vf0", "pf1vf120"})
        EXPECT_EQ(to_string(*net::parse_card_function(text)), text);
    EXPECT_LT(net::first_uplink, (net::CardFunction{0, 0}));
    EXPECT_LT((net::CardFunction{0, 7}), net::second_uplink);
}

TEST(FunctionTest, NothingElseIsTaken) {
    for (const char* text : {"",
                             "p",
                             "pf",
                             "pf2",
                             "pf00",
                             "pf-1",
                             "PF0",
                             "vf3",
                             "pf0vf",
                             "pf0vf03",
                             "pf0vf65535",
                             "pf0vf4294967299",
                             "pf0vf99999999999999999999",
                             "pf0vf3 ",
                             " pf0",
                             "pf0sf1",
                             "pf0vf3,x",
                             "pf[0,1]",
                             "net_tap0",
                             "pf0vf+3"}) {
        const auto function = net::parse_card_function(text);
        ASSERT_FALSE(function) << text;
        EXPECT_EQ(function.error().message(),
                  "'" + std::string(text)
                      + "' names no function of the card; write pf0 or pf1 for an uplink, or like "
                        "pf0vf3 for a VF of it");
    }
}

TEST(DeviceArgumentsTest, VfsAreSortedAndCompacted) {
    const std::set<net::CardFunction> functions{{0, 5}, {0, 1}, {0, 0}, {0, 2}, {0, 3}};
    EXPECT_EQ(device_arguments(card_address, functions, PfOrder::ascending),
              "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[0,1]vf[0-3,5]");
    EXPECT_EQ(device_arguments(card_address, functions, PfOrder::descending),
              "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[1,0]vf[0-3,5]");
}

TEST(DeviceArgumentsTest, BothPfsShareOneListOfVfs) {
    EXPECT_EQ(device_arguments(card_address, {{0, 3}, {1, 0}, {1, 3}}, PfOrder::ascending),
              "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[0,1]vf[0,3]");
}

TEST(DeviceArgumentsTest, WithoutVfsBothUplinksAreListed) {
    const std::string uplinks = "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[0,1]";
    EXPECT_EQ(device_arguments(card_address, {}, PfOrder::ascending), uplinks);
    EXPECT_EQ(
        device_arguments(card_address, {net::first_uplink, net::second_uplink}, PfOrder::ascending),
        uplinks);
}

TEST(DpdkReleaseTest, SixReleasesLoseTheSecondUplink) {
    for (const DpdkRelease release :
         {DpdkRelease{23, 11, 7}, DpdkRelease{24, 11, 5}, DpdkRelease{24, 11, 6},
          DpdkRelease{25, 11, 1}, DpdkRelease{25, 11, 2}, DpdkRelease{26, 3, 0}})
        EXPECT_TRUE(known_to_lose_second_uplink(release)) << to_string(release);
    for (const DpdkRelease release :
         {DpdkRelease{23, 11, 0}, DpdkRelease{23, 11, 6}, DpdkRelease{24, 11, 0},
          DpdkRelease{24, 11, 4}, DpdkRelease{24, 11, 8}, DpdkRelease{25, 11, 0},
          DpdkRelease{26, 7, 0}})
        EXPECT_FALSE(known_to_lose_second_uplink(release)) << to_string(release);
}

TEST(DpdkReleaseTest, IsWrittenAsDpdkDoes) {
    EXPECT_EQ(to_string(DpdkRelease{26, 3, 0}), "26.03.0");
    EXPECT_EQ(to_string(DpdkRelease{24, 11, 6}), "24.11.6");
    EXPECT_GE(running_release(), (DpdkRelease{22, 11, 0}));
}

TEST(PortNamesTest, UplinksAndRepresentorsAreTold) {
    const NamedPort uplink = interpret_port_name("0000:08:00.0_p1", card_address);
    EXPECT_EQ(uplink.kind, Kind::function);
    EXPECT_EQ(uplink.function, net::second_uplink);
    const NamedPort vf = interpret_port_name("0000:08:00.0_representor_c0pf1vf12", card_address);
    EXPECT_EQ(vf.kind, Kind::function);
    EXPECT_EQ(vf.function, (net::CardFunction{1, 12}));
}

TEST(PortNamesTest, OfOtherDevices) {
    for (const char* name : {"", "net_tap0", "0000:08:00.1_p0", "0000:08:00", "08:00.0_p0",
                             "0000:09:00.0_representor_c0pf0vf0"})
        EXPECT_EQ(kind_of(name), Kind::elsewhere) << name;
}

TEST(PortNamesTest, OfAnESwitchWithOneUplink) {
    EXPECT_EQ(kind_of("0000:08:00.0"), Kind::single_uplink);
    EXPECT_EQ(kind_of("0000:08:00.0_representor_vf3"), Kind::single_uplink);
}

TEST(PortNamesTest, WhatIsNotUnderstoodIsNobody) {
    for (const char* name :
         {"0000:08:00.0_", "0000:08:00.0_p", "0000:08:00.0_p-1", "0000:08:00.0_p01",
          "0000:08:00.0_p4294967296", "0000:08:00.0_p0x", "0000:08:00.0_mlx5_bond_0",
          "0000:08:00.0_representor_", "0000:08:00.0_representor_c1pf0vf0",
          "0000:08:00.0_representor_c0pf0sf0", "0000:08:00.0_representor_c0pf0",
          "0000:08:00.0_representor_c0pf0vf",
          // The host's own function behind a BlueField: index -1.
          "0000:08:00.0_representor_c0pf0vf4294967295", "0000:08:00.0_representor_c0pf0vf65535",
          "0000:08:00.0_representor_c0pf256vf0", "0000:08:00.0_representor_c0pf0vf3\n",
          "0000:08:00.0_representor_vf", "0000:08:00.0_representor_vf03",
          "0000:08:00.0_mlx5_0_representor_c0pf0vf1"})
        EXPECT_EQ(kind_of(name), Kind::unknown) << name;
    EXPECT_EQ(kind_of(std::string("0000:08:00.0_p0\0", 16)), Kind::unknown);
    EXPECT_EQ(kind_of("0000:08:00.0_p" + std::string(100000, '9')), Kind::unknown);
}

TEST(PortNamesTest, PrintableIsFitForAMessage) {
    EXPECT_EQ(printable("0000:08:00.0_p0"), "0000:08:00.0_p0");
    EXPECT_EQ(printable("a\033[31m\n\xff"), "a?[31m??");
    EXPECT_EQ(printable(std::string(65, 'x')), std::string(64, 'x') + "...");
}

} // namespace
} // namespace sallyport::eswitch
