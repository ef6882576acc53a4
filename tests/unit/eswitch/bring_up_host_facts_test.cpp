// SPDX-License-Identifier: BSD-3-Clause
// What is read from a tree that looks like sysfs, procfs and /boot.
#include "bring_up_fakes.h"
#include "eswitch/bring_up/host_facts.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

namespace sallyport::eswitch {
namespace {

namespace fs = std::filesystem;

class FakeDevlink final : public DevlinkReader {
  public:
    Expected<std::string> mode = "switchdev";
    Expected<bool> is_multiport = true;

    Expected<std::string> eswitch_mode(const net::PciAddress&) override { return mode; }
    Expected<bool> multiport(const net::PciAddress&) override { return is_multiport; }
};

class HostFactsTest : public testing::Test {
  protected:
    HostFactsTest() {
        const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
        root = fs::path(testing::TempDir()) / "sallyport_host_facts" / test->name();
        fs::remove_all(root);
        for (const char* pci : {"0000:08:00.0", "0000:08:00.1"}) {
            write(device(pci) / "vendor", "0x15b3");
            write(device(pci) / "sriov_numvfs", "4");
            write(device(pci) / "sriov_totalvfs", "16");
            fs::create_symlink("../../../../bus/pci/drivers/mlx5_core", device(pci) / "driver");
        }
        write(device("0000:08:00.0") / "infiniband/mlx5_0/fw_ver", "22.39.2048");
        write(root / "proc/sys/kernel/osrelease", "6.8.0-45-generic");
        write(root / "boot/config-6.8.0-45-generic",
              "# CONFIG_FOO is not set\nCONFIG_NET_TC_SKB_EXT=y\nCONFIG_MLX5_CLS_ACT=y");
    }
    ~HostFactsTest() override { fs::remove_all(root); }

    [[nodiscard]] fs::path device(const std::string& pci) const {
        return root / "sys/bus/pci/devices" / pci;
    }
    static void write(const fs::path& path, const std::string& line) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << line << '\n';
    }
    HostFacts gather() { return gather_host_facts(card_address, devlink, root); }
    static bool has_note(const HostFacts& facts, const std::string& begin) {
        return std::any_of(facts.notes.begin(), facts.notes.end(),
                           [&](const auto& note) { return note.starts_with(begin); });
    }

    fs::path root;
    FakeDevlink devlink;
};

TEST_F(HostFactsTest, AllIsReadOfAHostThatIsReady) {
    const HostFacts facts = gather();
    EXPECT_EQ(facts.notes, std::vector<std::string>());
    for (const PhysicalFunctionFacts& function : facts.functions) {
        EXPECT_TRUE(function.present);
        EXPECT_EQ(function.vendor, "0x15b3");
        EXPECT_EQ(function.driver, "mlx5_core");
        EXPECT_EQ(function.eswitch_mode, "switchdev");
        EXPECT_EQ(function.multiport, true);
        EXPECT_EQ(function.vfs, 4U);
        EXPECT_EQ(function.most_vfs, 16U);
    }
    EXPECT_EQ(to_string(facts.functions[1].address), "0000:08:00.1");
    EXPECT_TRUE(facts.functions[0].rdma);
    EXPECT_EQ(facts.firmware, (Firmware{22, 39, 2048}));
    EXPECT_EQ(facts.kernel, (KernelRelease{6, 8}));
    EXPECT_EQ(facts.tc_skb_ext, true);
    EXPECT_EQ(facts.mlx5_cls_act, true);
    EXPECT_FALSE(facts.packaged_driver);
    EXPECT_GT(facts.most_ports, 2U);
    EXPECT_EQ(facts.dpdk, running_release());
}

TEST_F(HostFactsTest, AnEmptyTreeGivesNotesAndNoFacts) {
    fs::remove_all(root);
    const HostFacts facts = gather();
    EXPECT_FALSE(facts.functions[0].present);
    EXPECT_FALSE(facts.functions[1].present);
    EXPECT_FALSE(facts.kernel);
    EXPECT_FALSE(facts.firmware);
    EXPECT_FALSE(facts.tc_skb_ext);
    EXPECT_TRUE(has_note(facts, "cannot read the kernel's release"));
}

TEST_F(HostFactsTest, WhatDevlinkDoesNotTellIsANote) {
    devlink.mode = failure("devlink failed: kernel answers: Operation not permitted");
    devlink.is_multiport = failure("devlink failed: kernel answers: Invalid argument");
    const HostFacts facts = gather();
    EXPECT_FALSE(facts.functions[0].eswitch_mode);
    EXPECT_FALSE(facts.functions[0].multiport);
    EXPECT_TRUE(has_note(facts, "cannot read the E-Switch mode of 0000:08:00.0: devlink failed"));
    EXPECT_TRUE(has_note(facts, "cannot read esw_multiport of 0000:08:00.1: devlink failed"));
}

TEST_F(HostFactsTest, ThePackagedDriverTellsInSysfs) {
    devlink.is_multiport = failure("no such parameter");
    write(device("0000:08:00.0") / "net/ens1f0np0/compat/devlink/lag_port_select_mode",
          "multiport_esw");
    write(device("0000:08:00.1") / "net/ens1f1np1/compat/devlink/lag_port_select_mode",
          "queue_affinity");
    write(root / "sys/module/mlx5_core/version", "23.04-0.5.3");
    const HostFacts facts = gather();
    EXPECT_EQ(facts.functions[0].multiport, true);
    EXPECT_EQ(facts.functions[1].multiport, false);
    EXPECT_TRUE(facts.packaged_driver);
    EXPECT_EQ(facts.notes, std::vector<std::string>());
}

TEST_F(HostFactsTest, OldAndUpstreamDriversAreNoPackagedOnes) {
    for (const char* version : {"5.0-0", "23.01-0.1.0", "22.10-1", "x", "23"}) {
        write(root / "sys/module/mlx5_core/version", version);
        EXPECT_FALSE(gather().packaged_driver) << version;
    }
    for (const char* version : {"23.07-0.5.0", "23.10-1", "24.01-0.3.3"}) {
        write(root / "sys/module/mlx5_core/version", version);
        EXPECT_TRUE(gather().packaged_driver) << version;
    }
}

TEST_F(HostFactsTest, AFunctionWithoutDriverOrVfs) {
    fs::remove(device("0000:08:00.0") / "driver");
    fs::remove(device("0000:08:00.0") / "sriov_numvfs");
    fs::remove_all(device("0000:08:00.0") / "infiniband");
    const HostFacts facts = gather();
    EXPECT_EQ(facts.functions[0].driver, "");
    EXPECT_FALSE(facts.functions[0].vfs);
    EXPECT_EQ(facts.functions[0].sriov, false);
    EXPECT_EQ(facts.functions[1].sriov, true);
    EXPECT_FALSE(facts.functions[0].rdma);
    EXPECT_TRUE(has_note(facts, "cannot read the number of VFs of 0000:08:00.0"));
    EXPECT_TRUE(has_note(facts, "cannot read the firmware's version of 0000:08:00.0"));
}

TEST_F(HostFactsTest, TheKernelsOptions) {
    write(root / "boot/config-6.8.0-45-generic",
          "CONFIG_NET_TC_SKB_EXT=m\nCONFIG_NET_TC_SKB_EXTRA=y\n# CONFIG_MLX5_CLS_ACT is not set");
    EXPECT_EQ(gather().tc_skb_ext, true);
    EXPECT_EQ(gather().mlx5_cls_act, false);
    fs::remove(root / "boot/config-6.8.0-45-generic");
    EXPECT_TRUE(has_note(gather(), "cannot read the kernel's configuration"));
    EXPECT_FALSE(gather().mlx5_cls_act);
    write(root / "lib/modules/6.8.0-45-generic/config", "CONFIG_MLX5_CLS_ACT=y");
    EXPECT_EQ(gather().mlx5_cls_act, true);
    EXPECT_EQ(gather().tc_skb_ext, false);
}

TEST(HostVersionsTest, AreReadOrNot) {
    EXPECT_EQ(parse_kernel_release("6.3"), (KernelRelease{6, 3}));
    EXPECT_EQ(parse_kernel_release("5.15.0-1-amd64"), (KernelRelease{5, 15}));
    for (const char* text : {"", "6", "6.", ".3", "x.3", "-6.3", "99999999999.1"})
        EXPECT_FALSE(parse_kernel_release(text)) << text;
    EXPECT_EQ(parse_firmware("22.37.1014"), (Firmware{22, 37, 1014}));
    EXPECT_EQ(parse_firmware("16.35.0042"), (Firmware{16, 35, 42}));
    EXPECT_EQ(parse_firmware("16.35.0000"), (Firmware{16, 35, 0}));
    for (const char* text : {"", "22", "22.37", "22.37.", "22.37.1014 ", "a.b.c", "22..1"})
        EXPECT_FALSE(parse_firmware(text)) << text;
}

} // namespace
} // namespace sallyport::eswitch
