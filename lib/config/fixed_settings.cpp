// SPDX-License-Identifier: BSD-3-Clause
#include "config/fixed_settings.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

std::string protection_text(bool is_protected) {
    return is_protected ? "ipsec" : "none";
}

class FixedSettings {
  public:
    FixedSettings(const TenantSettings& running, const TenantFile& file, Complaints& complaints)
        : running_(running), file_(file), complaints_(complaints) {}

    void check() {
        const TenantSettings& wanted = file_.settings;
        const TenantLines& lines = file_.lines;
        same("name", lines.name, running_.name, wanted.name);
        same("vni", lines.vni, std::to_string(running_.vni), std::to_string(wanted.vni));
        same("local_vtep", lines.local_vtep, running_.local_vtep.to_string(),
             wanted.local_vtep.to_string());
        same("udp_port", lines.udp_port, std::to_string(running_.udp_port),
             std::to_string(wanted.udp_port));
        same("protection", lines.protection, protection_text(running_.is_protected),
             protection_text(wanted.is_protected));
        for (std::size_t i = 0; i < wanted.vm_ports.size(); ++i)
            check_device(wanted.vm_ports[i], lines.vm_ports[i].device);
    }
    void check_mtu(const std::map<std::string, std::uint16_t>& open_mtus) {
        // Those that go do not count.
        std::uint16_t largest = UINT16_MAX;
        for (const VmPortSettings& port : file_.settings.vm_ports)
            if (const auto open = open_mtus.find(port.name); open != open_mtus.end())
                largest = std::min(largest, open->second);
        if (file_.settings.mtu <= largest) return;
        complain(
            "mtu", file_.lines.mtu,
            fmt::format("{} is more than the {} for which its vm ports are open",
                        file_.settings.mtu, largest),
            fmt::format("at most {}, or tenant del {} and tenant add", largest, running_.name));
    }

  private:
    void complain(std::string key, unsigned line, std::string wrong, std::string right) {
        complaints_.push_back(
            {running_.file, line, std::move(key), std::move(wrong), std::move(right)});
    }
    void same(std::string_view key, unsigned line, const std::string& running,
              const std::string& wanted) {
        if (running == wanted) return;
        complain(std::string(key), line,
                 fmt::format("{} cannot become {} while the tenant runs", running, wanted),
                 fmt::format("{}, or tenant del {} and tenant add", running, running_.name));
    }
    void check_device(const VmPortSettings& wanted, unsigned line) {
        const auto open = std::find_if(running_.vm_ports.begin(), running_.vm_ports.end(),
                                       [&](const auto& port) { return port.name == wanted.name; });
        if (open == running_.vm_ports.end() || open->device == wanted.device) return;
        complain("vm_port." + wanted.name + ".device", line,
                 "another device than the one that is open",
                 fmt::format("{}, or a vm port of another name", open->device));
    }

    const TenantSettings& running_;
    const TenantFile& file_;
    Complaints& complaints_;
};

} // namespace

void complain_of_fixed(const TenantSettings& running, const TenantFile& file,
                       const std::map<std::string, std::uint16_t>& open_mtus,
                       Complaints& complaints) {
    FixedSettings settings(running, file, complaints);
    settings.check();
    settings.check_mtu(open_mtus);
}

} // namespace sallyport::config
