// SPDX-License-Identifier: BSD-3-Clause
// From PCI address to ports: both uplinks, the lost second one, the wanted VFs, one E-Switch.
#include "bring_up_fakes.h"
#include "eswitch/bring_up/bring_up.h"

#include <gtest/gtest.h>

namespace sallyport::eswitch {
namespace {

const std::string ascending = "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[0,1]vf[0,3]";
const std::string descending = "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[1,0]vf[0,3]";

class BringUpProbeTest : public testing::Test {
  protected:
    BringUpProbeTest() {
        settings.pci = card_address;
        settings.vfs = {{0, 0}, {0, 3}};
        settings.release = {24, 11, 4};
        card.vfs = {4, 0};
    }

    Expected<std::unique_ptr<NicBringUp>> create() {
        return NicBringUp::create(card, flow, settings);
    }
    std::string refusal() {
        const auto created = create();
        return created ? "" : created.error().message();
    }

    FakeCard card;
    FakeFlow flow;
    NicSettings settings;
};

TEST_F(BringUpProbeTest, OneProbeBringsAll) {
    const auto created = create();
    ASSERT_TRUE(created) << created.error().message();
    const NicBringUp& nic = **created;
    EXPECT_EQ(card.probed, std::vector{ascending});
    EXPECT_EQ(nic.proxy(), 3);
    EXPECT_EQ(nic.find(net::first_uplink)->name, "0000:08:00.0_p0");
    EXPECT_EQ(nic.find(net::second_uplink)->name, "0000:08:00.0_p1");
    EXPECT_EQ(nic.find({0, 3})->name, "0000:08:00.0_representor_c0pf0vf3");
    EXPECT_EQ(nic.find({0, 1}), nullptr);
    EXPECT_EQ(nic.notes(), std::vector<std::string>());
}

TEST_F(BringUpProbeTest, TheCardIsRemovedInTheEnd) {
    create().value().reset();
    EXPECT_EQ(card.removed, 1U);
    EXPECT_TRUE(card.ports.empty());
}

TEST_F(BringUpProbeTest, WithoutVfsTheUplinksCome) {
    settings.vfs.clear();
    card.loses_uplinks = true;
    EXPECT_TRUE(create());
    EXPECT_EQ(card.probed, std::vector<std::string>{
                               "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[0,1]"});
}

TEST_F(BringUpProbeTest, AReleaseKnownToLoseItIsAskedTheOtherWayRoundAtOnce) {
    settings.release = {24, 11, 6};
    card.loses_uplinks = true;
    const auto created = create();
    ASSERT_TRUE(created) << created.error().message();
    EXPECT_EQ(card.probed, std::vector{descending});
    EXPECT_EQ(
        (*created)->notes(),
        std::vector<std::string>{
            "the PFs are listed as pf[1,0]: this release of DPDK may lose the second uplink"});
}

TEST_F(BringUpProbeTest, AnyOtherReleaseThatLosesItIsAskedAgain) {
    card.loses_uplinks = true;
    // The first probe makes three ports.
    flow.proxy += 3;
    const auto created = create();
    ASSERT_TRUE(created) << created.error().message();
    EXPECT_EQ(card.probed, (std::vector{ascending, descending}));
    EXPECT_EQ(card.removed, 1U);
    EXPECT_NE((*created)->find(net::second_uplink), nullptr);
}

TEST_F(BringUpProbeTest, AnUplinkThatStaysLostNamesTheRelease) {
    card.never_made = {net::second_uplink};
    EXPECT_EQ(refusal(),
              "card 0000:08:00.0: DPDK 24.11.4 made no port for the uplink p1, neither asked for "
              "pf[0,1] nor for pf[1,0]; see that esw_multiport is on for both ports, and that the "
              "release is one that docs/hardware.md calls good");
    EXPECT_EQ(card.probed.size(), 2U);
    EXPECT_EQ(card.removed, 2U);
    settings.release = {24, 11, 6};
    EXPECT_EQ(refusal(),
              "card 0000:08:00.0: DPDK 24.11.6 made no port for the uplink p1, neither asked for "
              "pf[0,1] nor for pf[1,0]; this release is known to lose the second uplink, and "
              "listing pf[1,0], which should get round it, did not: use DPDK 24.11.4, 25.11.0 or "
              "26.07");
    EXPECT_TRUE(card.ports.empty());
}

TEST_F(BringUpProbeTest, TheFirstUplinkMayBeMissingToo) {
    card.never_made = {net::first_uplink};
    EXPECT_TRUE(refusal().find("no port for the uplink p0") != std::string::npos);
}

TEST_F(BringUpProbeTest, ACardWithoutMultiport) {
    card.multiport = false;
    EXPECT_EQ(
        refusal(),
        "card 0000:08:00.0: its two ports are not in one E-Switch; run 'devlink dev param set "
        "pci/0000:08:00.0 name esw_multiport value true cmode runtime', and the same for "
        "pci/0000:08:00.1");
    EXPECT_EQ(card.probed.size(), 1U);
    EXPECT_EQ(card.removed, 1U);
}

TEST_F(BringUpProbeTest, AMissingVfIsNamedWithTheCommand) {
    settings.vfs = {{0, 0}, {0, 7}, {1, 0}};
    EXPECT_EQ(
        refusal(),
        "card 0000:08:00.0: DPDK made no port for pf0vf7, pf1vf0; VFs are numbered from 0: "
        "create them by 'echo 8 > /sys/bus/pci/devices/0000:08:00.0/sriov_numvfs' and 'echo 1 "
        "> /sys/bus/pci/devices/0000:08:00.1/sriov_numvfs', after 'echo 0' to the same file "
        "if it has a number already");
    EXPECT_EQ(card.removed, 1U);
}

TEST_F(BringUpProbeTest, AProbeThatFails) {
    card.probe_failure = Error{"cannot open device: Cannot allocate memory"};
    EXPECT_EQ(refusal(), "card 0000:08:00.0: cannot open device: Cannot allocate memory; "
                         "docs/hardware.md says what the host must have");
    EXPECT_EQ(card.removed, 1U);
}

TEST_F(BringUpProbeTest, ACardThatEalOpenedByItselfIsLeftAlone) {
    card.make("0000:08:00.1");
    EXPECT_EQ(refusal(), "card 0000:08:00.0: DPDK has opened 0000:08:00.1 by itself; give EAL '-b "
                         "0000:08:00.0 -b 0000:08:00.1', or '-a 0000:00:00.0' so that it opens no "
                         "card by itself");
    EXPECT_TRUE(card.probed.empty());
    EXPECT_EQ(card.removed, 0U);
}

TEST_F(BringUpProbeTest, OnePortInAnotherESwitch) {
    card.in_another_domain = "0000:08:00.0_p1";
    EXPECT_EQ(refusal(), "card 0000:08:00.0: 0000:08:00.0_p0 and 0000:08:00.0_p1 belong to "
                         "different E-Switches; put both ports of the card into switchdev mode, "
                         "then set esw_multiport on both");
}

TEST_F(BringUpProbeTest, PortsInNoESwitch) {
    card.in_no_domain = "0000:08:00.0_representor_c0pf0vf3";
    EXPECT_TRUE(refusal().find("_c0pf0vf3 belongs to no E-Switch") != std::string::npos);
    card.in_no_domain = "0000:08:00.0_p0";
    EXPECT_TRUE(refusal().find("_p0 belongs to no E-Switch") != std::string::npos);
}

TEST_F(BringUpProbeTest, TheProxyMustBeTheFirstUplink) {
    flow.proxy = 4;
    EXPECT_EQ(refusal(), "card 0000:08:00.0: the transfer proxy of 0000:08:00.0_p0 is DPDK port 4 "
                         "and not 0000:08:00.0_p0; set eswitch.pci to the address of the card's "
                         "first port");
    flow.proxy_result = -ENODEV;
    EXPECT_EQ(refusal(), "card 0000:08:00.0: 0000:08:00.0_p0 has no transfer proxy: no proxy (No "
                         "such device); see that the card is in switchdev mode");
}

TEST_F(BringUpProbeTest, PortsThatNobodyAskedForAreNotes) {
    card.vfs = {4, 4};
    card.make("net_tap0");
    flow.proxy = 4;
    // Nobody but the driver makes such, and it makes them during the probe.
    struct Surprise final : NicPorts {
        FakeCard& card;
        explicit Surprise(FakeCard& wrapped) : card(wrapped) {}
        Expected<void> probe(const std::string& device) override {
            auto done = card.probe(device);
            card.make("0000:08:00.0_representor_c0pf0sf1\033[2J");
            return done;
        }
        Expected<void> remove(const net::PciAddress& pci) override { return card.remove(pci); }
        std::vector<NicPort> list() override { return card.list(); }
    } surprise(card);
    const auto created = NicBringUp::create(surprise, flow, settings);
    ASSERT_TRUE(created) << created.error().message();
    EXPECT_EQ(
        (*created)->notes(),
        (std::vector<std::string>{
            "port 0000:08:00.0_representor_c0pf1vf0 is there, and no vm port or uplink has it",
            "port 0000:08:00.0_representor_c0pf1vf3 is there, and no vm port or uplink has it",
            "port 0000:08:00.0_representor_c0pf0sf1?[2J is ignored: its name says nothing "
            "that Sallyport knows"}));
}

TEST_F(BringUpProbeTest, AVfMayComeLater) {
    const auto created = create();
    NicBringUp& nic = **created;
    ASSERT_TRUE(nic.add({0, 0}));
    EXPECT_EQ(card.probed.size(), 1U);
    ASSERT_TRUE(nic.add({0, 1}));
    EXPECT_EQ(card.probed.back(),
              "0000:08:00.0,dv_flow_en=2,dv_xmeta_en=0,representor=pf[0,1]vf[0-1,3]");
    EXPECT_NE(nic.find({0, 1}), nullptr);
    const auto missing = nic.add({0, 4});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().what, "DPDK made no port for pf0vf4");
    EXPECT_EQ(missing.error().where, "card 0000:08:00.0");
    ASSERT_TRUE(nic.add({0, 2}));
    EXPECT_EQ(card.removed, 0U);
}

TEST_F(BringUpProbeTest, AVfMayGoAndComeBack) {
    const auto created = create();
    NicBringUp& nic = **created;
    const std::uint16_t before = nic.find({0, 3})->id;
    ASSERT_TRUE(nic.configure_flow(before));
    card.close(before);
    nic.closed(before);
    EXPECT_EQ(nic.find({0, 3}), nullptr);
    ASSERT_TRUE(nic.add({0, 2}));
    EXPECT_EQ(nic.find({0, 3}), nullptr);
    ASSERT_TRUE(nic.add({0, 3}));
    ASSERT_NE(nic.find({0, 3}), nullptr);
    EXPECT_NE(nic.find({0, 3})->id, before);
    EXPECT_FALSE(nic.before_start(nic.find({0, 3})->id));
    nic.closed(before);
    EXPECT_NE(nic.find({0, 3}), nullptr);
}

} // namespace
} // namespace sallyport::eswitch
