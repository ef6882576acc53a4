// SPDX-License-Identifier: BSD-3-Clause
// One complaint for each thing that is missing, and none for a host that is ready.
#include "bring_up_fakes.h"
#include "eswitch/bring_up/host_checks.h"

#include <gtest/gtest.h>

namespace sallyport::eswitch {
namespace {

class HostChecksTest : public testing::Test {
  protected:
    HostChecksTest() {
        facts.dpdk = {24, 11, 4};
        facts.most_ports = 32;
        facts.kernel = KernelRelease{6, 8};
        facts.tc_skb_ext = facts.mlx5_cls_act = true;
        facts.firmware = Firmware{22, 37, 1014};
        for (unsigned pf = 0; pf < net::physical_functions; ++pf)
            facts.functions[pf] = {.address = net::physical_function(card_address, pf),
                                   .present = true,
                                   .vendor = "0x15b3",
                                   .driver = "mlx5_core",
                                   .eswitch_mode = "switchdev",
                                   .multiport = true,
                                   .sriov = true,
                                   .vfs = 4,
                                   .most_vfs = 16,
                                   .rdma = pf == 0};
        wanted.functions = {{0, 0}, {0, 3}};
    }

    std::vector<std::string> messages() {
        std::vector<std::string> out;
        for (const Error& error : complaints(facts, wanted))
            out.push_back(error.message());
        return out;
    }
    /// The only complaint there is.
    std::string message() {
        const auto all = messages();
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? "" : all.front();
    }

    HostFacts facts;
    WantedPorts wanted;
};

TEST_F(HostChecksTest, AHostThatIsReadyHasNone) {
    EXPECT_EQ(messages(), std::vector<std::string>());
    EXPECT_EQ(remarks(facts), std::vector<std::string>());
}

TEST_F(HostChecksTest, WhatCouldNotBeReadIsNoComplaint) {
    facts.kernel.reset();
    facts.tc_skb_ext.reset();
    facts.mlx5_cls_act.reset();
    facts.firmware.reset();
    for (auto& function : facts.functions) {
        function.vendor.reset();
        function.eswitch_mode.reset();
        function.multiport.reset();
        function.vfs.reset();
        function.most_vfs.reset();
    }
    EXPECT_EQ(messages(), std::vector<std::string>());
}

TEST_F(HostChecksTest, DpdkOlderThan23_11) {
    facts.dpdk = {22, 11, 11};
    EXPECT_EQ(message(), "card 0000:08:00.0: DPDK 22.11.11 has no multiport E-Switch; run with "
                         "23.11.0 or later: on Debian 13 'apt install libdpdk-dev' has one, "
                         "for which Sallyport is built anew; docs/hardware.md says which are good");
    facts.dpdk = {23, 11, 0};
    EXPECT_EQ(messages(), std::vector<std::string>());
}

TEST_F(HostChecksTest, ADpdkThatLosesTheSecondUplinkIsARemark) {
    facts.dpdk = {24, 11, 6};
    facts.notes = {"one"};
    EXPECT_EQ(messages(), std::vector<std::string>());
    EXPECT_EQ(remarks(facts), (std::vector<std::string>{
                                  "one", "DPDK 24.11.6 is known to lose the second uplink, which "
                                         "device arguments with pf[1,0] get round"}));
}

TEST_F(HostChecksTest, AKernelOlderThan6_3) {
    facts.kernel = KernelRelease{6, 1};
    // The driver knows the parameter all the same: somebody ported it back.
    EXPECT_EQ(messages(), std::vector<std::string>());
    for (auto& function : facts.functions)
        function.multiport.reset();
    EXPECT_EQ(message(),
              "card 0000:08:00.0: Linux 6.1 has no multiport E-Switch; run Linux 6.3 or later "
              "(Debian 12: 'apt install -t bookworm-backports linux-image-amd64' and reboot), or "
              "the driver of MLNX_OFED 23.04-0.5.3.3 or later");
    facts.packaged_driver = true;
    EXPECT_EQ(messages(), std::vector<std::string>());
}

TEST_F(HostChecksTest, KernelOptions) {
    facts.mlx5_cls_act = false;
    EXPECT_EQ(message(), "card 0000:08:00.0: the kernel was built without CONFIG_MLX5_CLS_ACT, and "
                         "the second uplink will not send; run a kernel with "
                         "CONFIG_MLX5_CLS_ACT=y: in its source 'scripts/config --enable "
                         "CONFIG_MLX5_CLS_ACT', build, install and reboot");
    facts.tc_skb_ext = false;
    EXPECT_EQ(messages().size(), 2U);
    facts.packaged_driver = true;
    EXPECT_EQ(messages(), std::vector<std::string>());
}

TEST_F(HostChecksTest, NoSuchDevice) {
    facts.functions[1].present = false;
    EXPECT_EQ(message(), "card 0000:08:00.0: p1 (0000:08:00.1): there is no such PCI device; set "
                         "eswitch.pci to the address of the card's first port, which 'lspci -D -d "
                         "15b3:' prints");
}

TEST_F(HostChecksTest, AnotherVendor) {
    facts.functions[0].vendor = "0x8086";
    EXPECT_EQ(message(), "card 0000:08:00.0: p0 (0000:08:00.0) is of vendor 0x8086, and no NVIDIA "
                         "card; set eswitch.pci to the address of a ConnectX-6 Dx or later");
}

TEST_F(HostChecksTest, TheDriver) {
    facts.functions[1].driver = "";
    EXPECT_EQ(message(), "card 0000:08:00.0: p1 (0000:08:00.1) has no kernel driver; run 'modprobe "
                         "mlx5_core', then 'echo 0000:08:00.1 > "
                         "/sys/bus/pci/drivers/mlx5_core/bind'");
    facts.functions[1].driver = "vfio-pci";
    EXPECT_EQ(message(),
              "card 0000:08:00.0: p1 (0000:08:00.1) is bound to vfio-pci; run 'echo 0000:08:00.1 > "
              "/sys/bus/pci/drivers/vfio-pci/unbind', then 'modprobe mlx5_core' and 'echo "
              "0000:08:00.1 > /sys/bus/pci/drivers/mlx5_core/bind': DPDK works beside the kernel's "
              "driver");
}

TEST_F(HostChecksTest, TheRdmaDevice) {
    facts.functions[0].rdma = false;
    EXPECT_EQ(message(), "card 0000:08:00.0: p0 (0000:08:00.0) has no RDMA device, by which DPDK "
                         "opens the card; run 'modprobe -a mlx5_ib ib_uverbs'");
}

TEST_F(HostChecksTest, TheFirmware) {
    for (const Firmware good : {Firmware{22, 37, 1014}, Firmware{22, 38, 0}, Firmware{28, 39, 1}}) {
        facts.firmware = good;
        EXPECT_EQ(messages(), std::vector<std::string>());
    }
    facts.firmware = Firmware{22, 36, 2000};
    EXPECT_EQ(messages().size(), 1U);
    facts.firmware = Firmware{22, 37, 13};
    EXPECT_EQ(message(), "card 0000:08:00.0: firmware 22.37.0013 of p0 (0000:08:00.0) has no "
                         "multiport E-Switch; run 'mlxfwmanager -d 0000:08:00.0 --online -u' for "
                         "22.37.1014 or later, and power-cycle the host");
}

TEST_F(HostChecksTest, SwitchdevMode) {
    facts.functions[0].eswitch_mode = "legacy";
    EXPECT_EQ(message(), "card 0000:08:00.0: p0 (0000:08:00.0) is in legacy E-Switch mode; run "
                         "'devlink dev eswitch set pci/0000:08:00.0 mode switchdev'");
}

TEST_F(HostChecksTest, MultiportIsNeededOnBothPorts) {
    facts.functions[1].multiport = false;
    EXPECT_EQ(
        message(),
        "card 0000:08:00.0: esw_multiport is off on p1 (0000:08:00.1); run 'devlink dev param "
        "set pci/0000:08:00.1 name esw_multiport value true cmode runtime' when both ports "
        "are in switchdev mode; if the kernel refuses, dissolve any bond of the two ports, "
        "run 'mlxconfig -d 0000:08:00.0 set LAG_RESOURCE_ALLOCATION=1' and power-cycle the "
        "host");
    facts.functions[0].multiport = false;
    EXPECT_EQ(messages().size(), 2U);
}

TEST_F(HostChecksTest, ModesComeBeforeMultiportAndVfs) {
    for (auto& function : facts.functions) {
        function.eswitch_mode = "legacy";
        function.multiport = false;
        function.vfs = 0;
    }
    const auto all = complaints(facts, wanted);
    ASSERT_EQ(all.size(), 5U);
    EXPECT_EQ(all[1].what, "p1 (0000:08:00.1) is in legacy E-Switch mode");
    EXPECT_EQ(all[2].what, "esw_multiport is off on p0 (0000:08:00.0)");
    EXPECT_EQ(all[4].what, "pf0vf3 is wanted, and p0 (0000:08:00.0) has 0 VFs");
}

TEST_F(HostChecksTest, TooFewVfs) {
    facts.functions[0].vfs = 0;
    EXPECT_EQ(message(),
              "card 0000:08:00.0: pf0vf3 is wanted, and p0 (0000:08:00.0) has 0 VFs; run "
              "'echo 4 > /sys/bus/pci/devices/0000:08:00.0/sriov_numvfs'");
    facts.functions[0].vfs = 3;
    EXPECT_EQ(message(),
              "card 0000:08:00.0: pf0vf3 is wanted, and p0 (0000:08:00.0) has 3 VFs; run "
              "'echo 4 > /sys/bus/pci/devices/0000:08:00.0/sriov_numvfs' after 'echo 0' "
              "to the same file, which takes the VFs there are from their guests");
    facts.functions[0].most_vfs = 3;
    EXPECT_EQ(message(),
              "card 0000:08:00.0: pf0vf3 is wanted, and p0 (0000:08:00.0) has 3 VFs; run "
              "'mlxconfig -d 0000:08:00.0 set SRIOV_EN=1 NUM_OF_VFS=4' and power-cycle "
              "the host, which allows 3 VFs now");
}

TEST_F(HostChecksTest, SrIovOffInTheFirmware) {
    facts.functions[0].sriov = false;
    facts.functions[0].vfs.reset();
    facts.functions[0].most_vfs.reset();
    EXPECT_EQ(message(),
              "card 0000:08:00.0: pf0vf3 is wanted, and SR-IOV is off in the firmware of p0 "
              "(0000:08:00.0); run 'mlxconfig -d 0000:08:00.0 set SRIOV_EN=1 NUM_OF_VFS=4' and "
              "power-cycle the host; then 'echo 4 > "
              "/sys/bus/pci/devices/0000:08:00.0/sriov_numvfs'");
    wanted.functions.clear();
    EXPECT_EQ(messages(), std::vector<std::string>()) << "no VF is wanted";
}

TEST_F(HostChecksTest, MorePortsThanDpdkHasRoomFor) {
    wanted.functions.clear();
    for (auto& function : facts.functions)
        function.vfs = 20;
    for (unsigned vf = 0; vf < 15; ++vf)
        wanted.functions.insert({0, vf});
    // The same VFs of the second port come unasked.
    EXPECT_EQ(messages(), std::vector<std::string>());
    wanted.others = 1;
    EXPECT_EQ(message(), "card 0000:08:00.0: 33 DPDK ports are needed, with one for each VF of "
                         "either uplink that has a wanted number, and this DPDK has room for 32; "
                         "build DPDK with -Dmax_ethports=64 and Sallyport against it");
    facts.functions[1].vfs = 0;
    EXPECT_EQ(messages(), std::vector<std::string>());
}

} // namespace
} // namespace sallyport::eswitch
