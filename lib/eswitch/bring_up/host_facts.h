// SPDX-License-Identifier: BSD-3-Clause
// What this host is like, as far as the bring-up of the card depends on it.
#pragma once

#include "eswitch/bring_up/devlink_reader.h"
#include "eswitch/bring_up/dpdk_release.h"
#include "net/card_function.h"
#include "net/pci_address.h"

#include <array>
#include <compare>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::eswitch {

/// "6.3": what Linux's makefile calls VERSION and PATCHLEVEL.
struct KernelRelease {
    unsigned version = 0;
    unsigned patchlevel = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the result for a pointer
    auto operator<=>(const KernelRelease&) const = default;
};

/// "22.37.1014": the family of cards, and the release.
struct Firmware {
    unsigned family = 0;
    unsigned release = 0;
    unsigned build = 0;

    bool operator==(const Firmware&) const = default;
};

/// One port of the card. What could not be read is absent.
struct PhysicalFunctionFacts {
    net::PciAddress address;
    bool present = false;
    /// "0x15b3"
    std::optional<std::string> vendor;
    /// "mlx5_core"; empty: none is bound.
    std::string driver;
    /// "switchdev", "legacy"
    std::optional<std::string> eswitch_mode;
    std::optional<bool> multiport;
    /// Its PCI function has SR-IOV; firmware may hide it.
    std::optional<bool> sriov;
    std::optional<unsigned> vfs;
    std::optional<unsigned> most_vfs;
    /// There is an RDMA device, without which DPDK cannot open the port.
    bool rdma = false;
};

struct HostFacts {
    DpdkRelease dpdk;
    /// RTE_MAX_ETHPORTS
    unsigned most_ports = 0;
    std::optional<KernelRelease> kernel;
    /// The driver is NVIDIA's own, of a release with the multiport E-Switch.
    bool packaged_driver = false;
    std::optional<bool> tc_skb_ext;
    std::optional<bool> mlx5_cls_act;
    std::array<PhysicalFunctionFacts, net::physical_functions> functions;
    std::optional<Firmware> firmware;
    /// What could not be read, and why: one sentence each.
    std::vector<std::string> notes;
};

/// @param pci of the card's first port
/// @param root folder that has sys, proc and boot
HostFacts gather_host_facts(const net::PciAddress& pci, DevlinkReader& devlink,
                            const std::filesystem::path& root = "/");

/// "6.1.0-18-amd64"
std::optional<KernelRelease> parse_kernel_release(std::string_view text);
/// "22.37.1014"
std::optional<Firmware> parse_firmware(std::string_view text);

} // namespace sallyport::eswitch
