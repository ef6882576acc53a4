// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/host_facts.h"

#include "net/take_number.h"

#include <fstream>
#include <string_view>

#include <fmt/format.h>
#include <rte_config.h>

namespace sallyport::eswitch {

namespace {

namespace fs = std::filesystem;

constexpr unsigned largest_part = 1'000'000;

std::optional<std::string> first_line(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    return line;
}

std::optional<unsigned> number_in(const fs::path& path) {
    const auto line = first_line(path);
    if (!line) return std::nullopt;
    std::string_view rest = *line;
    const auto number = net::take_number(rest, largest_part);
    return rest.empty() ? number : std::nullopt;
}

std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        found.push_back(it->path());
    return found;
}

// NVIDIA's packaged driver tells in sysfs what the kernel's own tells by devlink.
std::optional<bool> multiport_in_sysfs(const fs::path& device) {
    for (const fs::path& interface : entries(device / "net"))
        if (auto mode = first_line(interface / "compat/devlink/lag_port_select_mode"))
            return *mode == "multiport_esw";
    return std::nullopt;
}

// Upstream's driver has had no version of its own since long before 6.3.
bool has_packaged_driver(const fs::path& root) {
    const auto line = first_line(root / "sys/module/mlx5_core/version");
    if (!line) return false;
    std::string_view rest = *line;
    const auto year = net::take_number(rest, largest_part);
    if (!year || !net::take_prefix(rest, ".")) return false;
    net::take_prefix(rest, "0");
    const auto month = net::take_number(rest, largest_part);
    return month && (*year > 23 || (*year == 23 && *month >= 4));
}

void gather_devlink(DevlinkReader& devlink, const fs::path& device, PhysicalFunctionFacts& facts,
                    std::vector<std::string>& notes) {
    if (auto mode = devlink.eswitch_mode(facts.address))
        facts.eswitch_mode = std::move(*mode);
    else
        notes.push_back(fmt::format("cannot read the E-Switch mode of {}: {}",
                                    to_string(facts.address), mode.error().message()));
    const auto multiport = devlink.multiport(facts.address);
    facts.multiport = multiport ? *multiport : multiport_in_sysfs(device);
    if (!facts.multiport)
        notes.push_back(fmt::format("cannot read esw_multiport of {}: {}", to_string(facts.address),
                                    multiport.error().message()));
}

PhysicalFunctionFacts gather_function(const net::PciAddress& address, DevlinkReader& devlink,
                                      const fs::path& root, std::vector<std::string>& notes) {
    PhysicalFunctionFacts facts;
    facts.address = address;
    const fs::path device = root / "sys/bus/pci/devices" / to_string(address);
    std::error_code error;
    facts.present = fs::exists(device, error);
    if (!facts.present) return facts;
    facts.vendor = first_line(device / "vendor");
    facts.driver = fs::read_symlink(device / "driver", error).filename().string();
    if (const bool there = fs::exists(device / "sriov_numvfs", error); !error) facts.sriov = there;
    facts.vfs = number_in(device / "sriov_numvfs");
    facts.most_vfs = number_in(device / "sriov_totalvfs");
    facts.rdma = !entries(device / "infiniband").empty();
    if (!facts.vfs)
        notes.push_back(fmt::format("cannot read the number of VFs of {}{}", to_string(address),
                                    facts.sriov.value_or(true)
                                        ? ""
                                        : ": it has no SR-IOV, which firmware parameter SRIOV_EN "
                                          "turns on"));
    gather_devlink(devlink, device, facts, notes);
    return facts;
}

void gather_firmware(const fs::path& root, HostFacts& facts) {
    const net::PciAddress& address = facts.functions[0].address;
    const fs::path device = root / "sys/bus/pci/devices" / to_string(address);
    for (const fs::path& rdma : entries(device / "infiniband"))
        if (auto text = first_line(rdma / "fw_ver")) facts.firmware = parse_firmware(*text);
    if (!facts.firmware)
        facts.notes.push_back(
            fmt::format("cannot read the firmware's version of {}", to_string(address)));
}

/// Whether the option is built in or a module; false where the file does not name it.
bool is_set(const std::vector<std::string>& lines, std::string_view option) {
    for (const std::string& line : lines) {
        std::string_view rest = line;
        if (net::take_prefix(rest, option) && (rest == "=y" || rest == "=m")) return true;
    }
    return false;
}

std::vector<std::string> lines_of(const fs::path& path) {
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

void gather_kernel_options(const fs::path& root, const std::string& release, HostFacts& facts) {
    std::vector<std::string> lines = lines_of(root / ("boot/config-" + release));
    if (lines.empty()) lines = lines_of(root / "lib/modules" / release / "config");
    if (lines.empty()) {
        facts.notes.emplace_back("cannot read the kernel's configuration; see that it has "
                                 "CONFIG_NET_TC_SKB_EXT and CONFIG_MLX5_CLS_ACT, without which the "
                                 "second uplink does not send");
        return;
    }
    facts.tc_skb_ext = is_set(lines, "CONFIG_NET_TC_SKB_EXT");
    facts.mlx5_cls_act = is_set(lines, "CONFIG_MLX5_CLS_ACT");
}

void gather_kernel(const fs::path& root, HostFacts& facts) {
    const auto release = first_line(root / "proc/sys/kernel/osrelease");
    if (release) facts.kernel = parse_kernel_release(*release);
    if (!facts.kernel) facts.notes.emplace_back("cannot read the kernel's release");
    facts.packaged_driver = has_packaged_driver(root);
    if (release && release->find('/') == std::string::npos)
        gather_kernel_options(root, *release, facts);
}

} // namespace

std::optional<KernelRelease> parse_kernel_release(std::string_view text) {
    const auto version = net::take_number(text, largest_part);
    if (!version || !net::take_prefix(text, ".")) return std::nullopt;
    const auto patchlevel = net::take_number(text, largest_part);
    if (!patchlevel) return std::nullopt;
    return KernelRelease{*version, *patchlevel};
}

std::optional<Firmware> parse_firmware(std::string_view text) {
    const auto family = net::take_number(text, largest_part);
    if (!family || !net::take_prefix(text, ".")) return std::nullopt;
    const auto release = net::take_number(text, largest_part);
    if (!release || !net::take_prefix(text, ".")) return std::nullopt;
    // Written with four digits.
    while (text.size() > 1 && text.front() == '0')
        text.remove_prefix(1);
    const auto build = net::take_number(text, largest_part);
    if (!build || !text.empty()) return std::nullopt;
    return Firmware{*family, *release, *build};
}

HostFacts gather_host_facts(const net::PciAddress& pci, DevlinkReader& devlink,
                            const fs::path& root) {
    HostFacts facts;
    facts.dpdk = running_release();
    facts.most_ports = RTE_MAX_ETHPORTS;
    for (unsigned pf = 0; pf < net::physical_functions; ++pf)
        facts.functions[pf] =
            gather_function(net::physical_function(pci, pf), devlink, root, facts.notes);
    if (facts.functions[0].present) gather_firmware(root, facts);
    gather_kernel(root, facts);
    return facts;
}

} // namespace sallyport::eswitch
