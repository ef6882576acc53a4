// SPDX-License-Identifier: BSD-3-Clause
#include "eswitch/bring_up/dpdk_nic_ports.h"

#include <array>
#include <map>

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

namespace sallyport::eswitch {

namespace {

std::string reason(int error) {
    return rte_strerror(error < 0 ? -error : error);
}

bool has_removed_port(const rte_device& device) {
    std::uint16_t id = 0;
    RTE_ETH_FOREACH_DEV_OF(id, &device) {
        if (rte_eth_dev_is_removed(id) == 1) return true;
    }
    return false;
}

class DpdkNicPorts final : public NicPorts {
  public:
    Expected<void> probe(const std::string& device) override {
        const int error = rte_dev_probe(device.c_str());
        remember(device.substr(0, device.find(',')));
        if (error != 0)
            return failure(fmt::format("cannot open device '{}': {}", device, reason(error)), {},
                           "see DPDK's log above, which names the driver's reason");
        return {};
    }

    Expected<void> remove(const net::PciAddress& pci) override {
        const auto found = devices_.find(to_string(pci));
        if (found == devices_.end()) return {};
        rte_device* const device = found->second;
        devices_.erase(found);
        if (has_removed_port(*device)) return {};
        if (const int error = rte_dev_remove(device); error != 0)
            return failure(fmt::format("cannot close device {}: {}", to_string(pci), reason(error)),
                           {}, "end the process");
        return {};
    }

    std::vector<NicPort> list() override {
        std::vector<NicPort> ports;
        std::uint16_t id = 0;
        RTE_ETH_FOREACH_DEV(id) {
            std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
            rte_eth_dev_info info{};
            // One that answers neither is on its way out.
            if (rte_eth_dev_get_name_by_port(id, name.data()) != 0
                || rte_eth_dev_info_get(id, &info) != 0)
                continue;
            ports.push_back({id, name.data(), info.switch_info.domain_id});
        }
        return ports;
    }

  private:
    // While it has ports: their owners may close them all before the device goes, and nothing
    // public leads from a PCI address to a device then.
    void remember(const std::string& name) {
        std::uint16_t id = 0;
        RTE_ETH_FOREACH_DEV(id) {
            rte_eth_dev_info info{};
            if (rte_eth_dev_info_get(id, &info) != 0 || info.device == nullptr) continue;
            if (name == rte_dev_name(info.device)) devices_[name] = info.device;
        }
    }

    std::map<std::string, rte_device*> devices_;
};

} // namespace

std::unique_ptr<NicPorts> make_dpdk_nic_ports() {
    return std::make_unique<DpdkNicPorts>();
}

} // namespace sallyport::eswitch
