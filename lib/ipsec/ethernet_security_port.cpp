// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/security_port.h"

#include <cstring>
#include <numeric>
#include <vector>

#include <rte_ethdev.h>
#include <rte_flow.h>

namespace sallyport::ipsec {

namespace {

/// Ethernet, IP from the peer to us, UDP where there is encapsulation, ESP with the SPI.
struct Pattern {
    explicit Pattern(const SaSettings& settings) {
        add(RTE_FLOW_ITEM_TYPE_ETH, nullptr, nullptr);
        if (settings.local.is_ipv4()) {
            std::memcpy(&ipv4.hdr.src_addr, settings.remote.octets.data(), 4);
            std::memcpy(&ipv4.hdr.dst_addr, settings.local.octets.data(), 4);
            std::memset(&ipv4_mask.hdr.src_addr, 0xff, 4);
            std::memset(&ipv4_mask.hdr.dst_addr, 0xff, 4);
            add(RTE_FLOW_ITEM_TYPE_IPV4, &ipv4, &ipv4_mask);
        } else {
            std::memcpy(&ipv6.hdr.src_addr, settings.remote.octets.data(), 16);
            std::memcpy(&ipv6.hdr.dst_addr, settings.local.octets.data(), 16);
            std::memset(&ipv6_mask.hdr.src_addr, 0xff, 16);
            std::memset(&ipv6_mask.hdr.dst_addr, 0xff, 16);
            add(RTE_FLOW_ITEM_TYPE_IPV6, &ipv6, &ipv6_mask);
        }
        if (settings.udp) {
            udp.hdr.dst_port = rte_cpu_to_be_16(settings.udp->destination_port);
            udp_mask.hdr.dst_port = UINT16_MAX;
            add(RTE_FLOW_ITEM_TYPE_UDP, &udp, &udp_mask);
        }
        esp.hdr.spi = rte_cpu_to_be_32(settings.spi);
        esp_mask.hdr.spi = UINT32_MAX;
        add(RTE_FLOW_ITEM_TYPE_ESP, &esp, &esp_mask);
        add(RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr);
    }
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;

    void add(rte_flow_item_type type, const void* spec, const void* mask) {
        items[count].type = type;
        items[count].spec = spec;
        items[count++].mask = mask;
    }

    rte_flow_item items[5]{};
    std::size_t count = 0;
    rte_flow_item_ipv4 ipv4{}, ipv4_mask{};
    rte_flow_item_ipv6 ipv6{}, ipv6_mask{};
    rte_flow_item_udp udp{}, udp_mask{};
    rte_flow_item_esp esp{}, esp_mask{};
};

class EthernetSecurityPort final : public SecurityPort {
  public:
    EthernetSecurityPort(std::uint16_t id, std::string name) : id_(id), name_(std::move(name)) {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] Expected<void*> context() const override {
        void* const context = rte_eth_dev_get_sec_ctx(id_);
        if (context == nullptr) return failure("its driver has no IPsec");
        rte_eth_conf conf{};
        if (rte_eth_dev_conf_get(id_, &conf) == 0
            && (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SECURITY) != 0
            && (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_SECURITY) != 0)
            return context;
        return failure("its driver has IPsec, but cannot switch it on for both directions");
    }

    Expected<void*> steer(const SaSettings& settings, void* session) override {
        const Pattern pattern(settings);
        rte_flow_attr attributes{};
        attributes.ingress = 1;
        std::vector<std::uint16_t> queues(queue_count());
        std::iota(queues.begin(), queues.end(), std::uint16_t{0});
        rte_flow_action_rss spread{};
        spread.queue = queues.data();
        spread.queue_num = static_cast<std::uint32_t>(queues.size());
        const rte_flow_action_queue first{};
        // Drivers differ in what they want beside the session: all queues, nothing or one queue.
        const rte_flow_action fates[] = {{RTE_FLOW_ACTION_TYPE_RSS, &spread},
                                         {RTE_FLOW_ACTION_TYPE_END, nullptr},
                                         {RTE_FLOW_ACTION_TYPE_QUEUE, &first}};
        rte_flow_error error{};
        for (const rte_flow_action& fate : fates) {
            const rte_flow_action actions[] = {{RTE_FLOW_ACTION_TYPE_SECURITY, session},
                                               fate,
                                               {RTE_FLOW_ACTION_TYPE_END, nullptr}};
            error = {};
            if (rte_flow* const rule =
                    rte_flow_create(id_, &attributes, pattern.items, actions, &error))
                return rule;
        }
        return failure(
            std::string("the rule that leads its packets to the NIC's IPsec is refused: ")
                + (error.message != nullptr ? error.message : "no reason given"),
            name_);
    }
    void unsteer(void* handle) override {
        rte_flow_error error{};
        rte_flow_destroy(id_, static_cast<rte_flow*>(handle), &error);
    }

  private:
    [[nodiscard]] std::uint16_t queue_count() const {
        rte_eth_dev_info info{};
        return rte_eth_dev_info_get(id_, &info) == 0 ? info.nb_rx_queues : std::uint16_t{0};
    }

    std::uint16_t id_;
    std::string name_;
};

} // namespace

std::unique_ptr<SecurityPort> make_security_port(std::uint16_t id, std::string name) {
    return std::make_unique<EthernetSecurityPort>(id, std::move(name));
}

} // namespace sallyport::ipsec
