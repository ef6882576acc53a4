// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/host_checks.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace sallyport::eswitch {

namespace {

using Complaints = std::vector<Error>;

/// "p0 (0000:08:00.0)"
std::string name_of(const HostFacts& facts, unsigned pf) {
    return fmt::format("p{} ({})", pf, to_string(facts.functions[pf].address));
}

void check_dpdk(const HostFacts& facts, Complaints& out) {
    if (facts.dpdk >= first_multiport_release) return;
    out.push_back({fmt::format("DPDK {} has no multiport E-Switch", to_string(facts.dpdk)),
                   {},
                   fmt::format("run with {} or later: on Debian 13 'apt install libdpdk-dev' has "
                               "one, for which Sallyport is built anew; docs/hardware.md says "
                               "which are good",
                               to_string(first_multiport_release))});
}

void check_kernel(const HostFacts& facts, Complaints& out) {
    constexpr KernelRelease oldest{6, 3};
    // A driver that knows the parameter is new enough, whatever its kernel.
    const bool knows_multiport =
        facts.packaged_driver
        || std::any_of(facts.functions.begin(), facts.functions.end(),
                       [](const auto& function) { return function.multiport.has_value(); });
    if (facts.kernel && *facts.kernel < oldest && !knows_multiport)
        out.push_back(
            {fmt::format("Linux {}.{} has no multiport E-Switch", facts.kernel->version,
                         facts.kernel->patchlevel),
             {},
             "run Linux 6.3 or later (Debian 12: 'apt install -t bookworm-backports "
             "linux-image-amd64' and reboot), or the driver of MLNX_OFED 23.04-0.5.3.3 or later"});
    if (facts.packaged_driver) return;
    for (const auto& [option, set] : {std::pair{"CONFIG_NET_TC_SKB_EXT", facts.tc_skb_ext},
                                      std::pair{"CONFIG_MLX5_CLS_ACT", facts.mlx5_cls_act}})
        if (set && !*set)
            out.push_back({fmt::format("the kernel was built without {}, and the second uplink "
                                       "will not send",
                                       option),
                           {},
                           fmt::format("run a kernel with {0}=y: in its source 'scripts/config "
                                       "--enable {0}', build, install and reboot",
                                       option)});
}

/// Whether there is a function of the right kind to complain about further.
bool check_presence(const HostFacts& facts, unsigned pf, Complaints& out) {
    const PhysicalFunctionFacts& function = facts.functions[pf];
    if (!function.present) {
        out.push_back({fmt::format("{}: there is no such PCI device", name_of(facts, pf)),
                       {},
                       "set eswitch.pci to the address of the card's first port, which 'lspci -D "
                       "-d 15b3:' prints"});
        return false;
    }
    if (function.vendor && *function.vendor != "0x15b3") {
        out.push_back({fmt::format("{} is of vendor {}, and no NVIDIA card", name_of(facts, pf),
                                   *function.vendor),
                       {},
                       "set eswitch.pci to the address of a ConnectX-6 Dx or later"});
        return false;
    }
    return true;
}

void check_driver(const HostFacts& facts, unsigned pf, Complaints& out) {
    const PhysicalFunctionFacts& function = facts.functions[pf];
    const std::string pci = to_string(function.address);
    const std::string bind = fmt::format("echo {} > /sys/bus/pci/drivers/mlx5_core/bind", pci);
    if (function.driver.empty())
        out.push_back({fmt::format("{} has no kernel driver", name_of(facts, pf)),
                       {},
                       fmt::format("run 'modprobe mlx5_core', then '{}'", bind)});
    else if (function.driver != "mlx5_core")
        out.push_back({fmt::format("{} is bound to {}", name_of(facts, pf), function.driver),
                       {},
                       fmt::format("run 'echo {} > /sys/bus/pci/drivers/{}/unbind', then 'modprobe "
                                   "mlx5_core' and '{}': DPDK works beside the kernel's driver",
                                   pci, function.driver, bind)});
    // With the multiport E-Switch, the first function's RDMA device has the ports of both.
    else if (pf == 0 && !function.rdma)
        out.push_back(
            {fmt::format("{} has no RDMA device, by which DPDK opens the card", name_of(facts, pf)),
             {},
             "run 'modprobe -a mlx5_ib ib_uverbs'"});
}

void check_firmware(const HostFacts& facts, Complaints& out) {
    if (!facts.firmware) return;
    const Firmware& firmware = *facts.firmware;
    if (std::tie(firmware.release, firmware.build) >= std::tuple{37U, 1014U}) return;
    out.push_back(
        {fmt::format("firmware {}.{}.{:04} of {} has no multiport E-Switch", firmware.family,
                     firmware.release, firmware.build, name_of(facts, 0)),
         {},
         fmt::format("run 'mlxfwmanager -d {} --online -u' for {}.37.1014 or later, and "
                     "power-cycle the host",
                     to_string(facts.functions[0].address), firmware.family)});
}

void check_modes(const HostFacts& facts, Complaints& out) {
    for (unsigned pf = 0; pf < net::physical_functions; ++pf) {
        const auto& mode = facts.functions[pf].eswitch_mode;
        if (!mode || *mode == "switchdev") continue;
        out.push_back({fmt::format("{} is in {} E-Switch mode", name_of(facts, pf), *mode),
                       {},
                       fmt::format("run 'devlink dev eswitch set pci/{} mode switchdev'",
                                   to_string(facts.functions[pf].address))});
    }
    for (unsigned pf = 0; pf < net::physical_functions; ++pf) {
        if (facts.functions[pf].multiport.value_or(true)) continue;
        const net::PciAddress& pci = facts.functions[pf].address;
        out.push_back(
            {fmt::format("esw_multiport is off on {}", name_of(facts, pf)),
             {},
             fmt::format("run '{}' when both ports are in switchdev mode; if the kernel refuses, "
                         "dissolve any bond of the two ports, run 'mlxconfig -d {} set "
                         "LAG_RESOURCE_ALLOCATION=1' and power-cycle the host",
                         command_for_multiport(pci), to_string(facts.functions[0].address))});
    }
}

std::string firmware_command_for_vfs(const net::PciAddress& pci, unsigned vfs) {
    return fmt::format("mlxconfig -d {} set SRIOV_EN=1 NUM_OF_VFS={}", to_string(pci), vfs);
}

void check_vfs(const HostFacts& facts, unsigned pf, const WantedPorts& wanted, Complaints& out) {
    unsigned needed = 0;
    for (const net::CardFunction& function : wanted.functions)
        if (function.pf == pf && function.vf) needed = std::max(needed, *function.vf + 1);
    const PhysicalFunctionFacts& function = facts.functions[pf];
    if (needed == 0) return;
    const std::string wanted_vf = to_string(net::CardFunction{pf, needed - 1});
    if (!function.sriov.value_or(true))
        out.push_back({fmt::format("{} is wanted, and SR-IOV is off in the firmware of {}",
                                   wanted_vf, name_of(facts, pf)),
                       {},
                       fmt::format("run '{}' and power-cycle the host; then '{}'",
                                   firmware_command_for_vfs(function.address, needed),
                                   command_for_vfs(function.address, needed))});
    if (!function.vfs || *function.vfs >= needed) return;
    std::string remedy = fmt::format("run '{}'", command_for_vfs(function.address, needed));
    if (*function.vfs != 0)
        remedy += " after 'echo 0' to the same file, which takes the VFs there are from their "
                  "guests";
    if (function.most_vfs && *function.most_vfs < needed)
        remedy =
            fmt::format("run '{}' and power-cycle the host, which allows {} VFs now",
                        firmware_command_for_vfs(function.address, needed), *function.most_vfs);
    out.push_back({fmt::format("{} is wanted, and {} has {} VFs", wanted_vf, name_of(facts, pf),
                               *function.vfs),
                   {},
                   remedy});
}

void check_ports(const HostFacts& facts, const WantedPorts& wanted, Complaints& out) {
    std::set<unsigned> vfs;
    for (const net::CardFunction& function : wanted.functions)
        if (function.vf) vfs.insert(*function.vf);
    unsigned needed = net::physical_functions + wanted.others;
    for (unsigned pf = 0; pf < net::physical_functions; ++pf)
        for (const unsigned vf : vfs) {
            const auto& there = facts.functions[pf].vfs;
            if (wanted.functions.contains({pf, vf}) || (there && vf < *there)) ++needed;
        }
    if (needed <= facts.most_ports) return;
    out.push_back({fmt::format("{} DPDK ports are needed, with one for each VF of either uplink "
                               "that has a wanted number, and this DPDK has room for {}",
                               needed, facts.most_ports),
                   {},
                   fmt::format("build DPDK with -Dmax_ethports={} and Sallyport against it",
                               std::max(needed, 2 * facts.most_ports))});
}

} // namespace

std::string command_for_vfs(const net::PciAddress& pci, unsigned vfs) {
    return fmt::format("echo {} > /sys/bus/pci/devices/{}/sriov_numvfs", vfs, to_string(pci));
}

std::string command_for_multiport(const net::PciAddress& pci) {
    return fmt::format("devlink dev param set pci/{} name esw_multiport value true cmode runtime",
                       to_string(pci));
}

std::vector<Error> complaints(const HostFacts& facts, const WantedPorts& wanted) {
    Complaints out;
    check_dpdk(facts, out);
    check_kernel(facts, out);
    bool usable = true;
    for (unsigned pf = 0; pf < net::physical_functions; ++pf) {
        if (check_presence(facts, pf, out))
            check_driver(facts, pf, out);
        else
            usable = false;
    }
    if (usable) {
        check_firmware(facts, out);
        check_modes(facts, out);
        for (unsigned pf = 0; pf < net::physical_functions; ++pf)
            check_vfs(facts, pf, wanted, out);
    }
    check_ports(facts, wanted, out);
    const std::string where = "card " + to_string(facts.functions[0].address);
    for (Error& error : out)
        error.where = where;
    return out;
}

std::vector<std::string> remarks(const HostFacts& facts) {
    std::vector<std::string> out = facts.notes;
    if (known_to_lose_second_uplink(facts.dpdk))
        out.push_back(fmt::format("DPDK {} is known to lose the second uplink, which device "
                                  "arguments with pf[1,0] get round",
                                  to_string(facts.dpdk)));
    return out;
}

} // namespace sallyport::eswitch
