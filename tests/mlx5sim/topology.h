// SPDX-License-Identifier: BSD-3-Clause
// The card that is simulated, as its file says: which ports, what they are called, what the
// firmware can. docs/mlx5sim.md has the file's format.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mlx5sim {

using MacAddress = std::array<std::uint8_t, 6>;

/// One port of the RDMA device, the E-Switch's vport behind it, and the netdev that goes with it.
struct Port {
    /// Counts from 1, as RDMA's ports do.
    std::uint32_t number = 0;
    unsigned pf = 0;
    /// None: the uplink of this PF.
    std::optional<unsigned> vf;
    std::uint16_t vport = 0;
    /// Of the PF that owns the vport.
    std::uint16_t vhca_id = 0;
    /// REG_C_0 of what comes from this vport, under vport_tag_mask.
    std::uint32_t tag = 0;
    unsigned ifindex = 0;
    std::string interface;
    /// "p0", "pf0vf3"
    std::string phys_port_name;
    MacAddress mac{};
    /// The Linux interface that carries the far end's packets; empty: nobody is there.
    std::string attached_to;

    bool is_uplink() const { return !vf; }
};

constexpr std::uint16_t uplink_vport = 0xffff;
/// Of the PF that manages the E-Switch.
constexpr std::uint16_t manager_vport = 0xfffe, manager_vhca = 1;
constexpr std::uint32_t vport_tag_mask = 0xffff0000;
constexpr std::uint32_t manager_tag = 0x0fff0000;

/// Answers to QUERY_HCA_CAP as programs/capture took them from a card, by group.
using CapturedCapabilities = std::map<unsigned, std::array<std::uint8_t, 4096>>;

/// What the firmware offers, where profiles differ. Logarithms are to base 2.
struct Capabilities {
    /// Where there are any, these alone are told, whatever else is set here.
    CapturedCapabilities captured;
    std::string firmware = "22.39.2048";
    bool multiport = true;
    bool switchdev = true;
    bool roce = true;
    unsigned log_counters = 24;
    unsigned log_counter_bulk = 22;
    unsigned log_ste = 22;
    unsigned log_stc = 20;
    unsigned log_arguments = 24;
    unsigned log_meters = 17;
};

/// What the kernel and the host say of the card, where profiles differ.
struct Host {
    std::string vendor = "0x15b3";
    /// To which the PFs are bound; empty: to none.
    std::string kernel_driver = "mlx5_core";
    bool rdma_device = true;
    /// VFs that the firmware allows a PF; none: it has no SR-IOV.
    std::optional<unsigned> most_vfs = 127;
    /// The kernel's release; empty: as it is.
    std::string kernel;
    /// Lines of its configuration; none: as it is.
    std::vector<std::string> kernel_options;
    bool representors = true;
};

struct Topology {
    /// Of the first PF; the second is function 1 of the same device.
    std::string pci = "0000:03:00.0";
    std::string rdma = "mlx5_0";
    std::string interface_prefix = "sim";
    std::uint64_t switch_id = 0xe8ebd3030012ULL;
    Capabilities capabilities;
    Host host;
    /// Commands of control.h, done when the card is opened.
    std::vector<std::string> faults;
    /// That each PF has, whether they have representors or not.
    std::array<unsigned, 2> vfs{4, 0};
    std::vector<Port> ports;

    const Port* find_ifindex(unsigned ifindex) const;
    const Port* find_interface(const std::string& name) const;
    const Port* find_number(std::uint32_t number) const;
    const Port* find_vport(std::uint16_t vhca_id, std::uint16_t vport) const;
    std::string pci_of(unsigned pf) const;
};

/// The topology that MLX5SIM_TOPOLOGY names, read once; null: the variable is not set, and the
/// library does nothing. A file that cannot be read or understood ends the process with the line.
const Topology* topology();

} // namespace mlx5sim
