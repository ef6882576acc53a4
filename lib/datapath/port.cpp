// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/port.h"

#include "datapath/port_driver.h"
#include "net/overhead.h"

#include <algorithm>
#include <cstring>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

namespace sallyport::datapath {

namespace {

constexpr std::uint16_t ring_size = 1024;
/// net_tap takes a buffer per descriptor at once, for scattered frames that we do not ask for.
constexpr std::uint16_t tap_ring_size = 16;
constexpr std::uint32_t frame_overhead = net::ethernet_header_length + net::vlan_tag_length;

std::string reason(int error) {
    return rte_strerror(error < 0 ? -error : error);
}

/// Of a queue that cannot be filled.
std::string remedy(int error) {
    return error == -ENOMEM
               ? "raise limits.buffers: each receive queue keeps up to " + std::to_string(ring_size)
                     + " of them; or give the process more memory (EAL option -m)"
               : "";
}

rte_ether_addr to_dpdk(const net::MacAddress& mac) {
    rte_ether_addr address;
    std::memcpy(address.addr_bytes, mac.octets.data(), mac.octets.size());
    return address;
}

} // namespace

std::string_view to_string(PortRole role) {
    switch (role) {
    case PortRole::uplink:
        return "uplink";
    case PortRole::vm_port:
        return "vm port";
    case PortRole::host:
        return "host port";
    }
    return "port";
}

std::uint16_t Port::needed_data_room(const std::string& device, std::uint16_t mtu) {
    const std::string completed = complete_device(device, mtu);
    const std::uint32_t frame = mtu + frame_overhead + net::vlan_tag_length;
    const std::uint32_t needed =
        is_af_packet(device) ? std::max(frame, af_packet_slot_size(completed)) : frame;
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(needed, UINT16_MAX));
}

Expected<std::unique_ptr<Port>> Port::find(const PortSettings& settings) {
    std::unique_ptr<Port> port(new Port);
    port->settings_ = settings;
    if (auto done = port->probe(); !done) return tl::unexpected(done.error());
    return port;
}

Expected<std::unique_ptr<Port>> Port::open(const PortSettings& settings, rte_mempool* pool) {
    auto port = find(settings);
    if (!port) return port;
    if (auto done = (*port)->bring_up(pool); !done) return tl::unexpected(done.error());
    return port;
}

Expected<void> Port::probe() {
    const std::string where = std::string(to_string(role())) + " " + name();
    const std::string completed = complete_device(settings_.device, settings_.mtu);
    const std::string device(device_name(completed));
    if (rte_eth_dev_get_port_by_name(device.c_str(), &id_) != 0) {
        if (const int error = rte_dev_probe(completed.c_str()); error != 0)
            return failure("cannot open device '" + completed + "': " + reason(error), where,
                           "check the device arguments, privileges (CAP_NET_ADMIN, CAP_NET_RAW) "
                           "and DPDK's log above");
        probed_ = true;
        if (rte_eth_dev_get_port_by_name(device.c_str(), &id_) != 0)
            return failure("device '" + device + "' made no Ethernet port", where,
                           "name a device of DPDK's net drivers");
    }
    rte_eth_dev_info info{};
    if (const int error = rte_eth_dev_info_get(id_, &info); error != 0)
        return failure("cannot query device '" + device + "': " + reason(error), where);
    driver_ = info.driver_name;
    link_event_ = info.dev_flags != nullptr && (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
    removal_event_ = info.dev_flags != nullptr && (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
    if (info.if_index != 0) interface_index_ = info.if_index;
    return {};
}

Expected<void> Port::bring_up(rte_mempool* pool) {
    const std::string where = std::string(to_string(role())) + " " + name();
    rte_eth_dev_info info{};
    if (const int error = rte_eth_dev_info_get(id_, &info); error != 0)
        return failure("cannot query the device: " + reason(error), where);

    const std::string completed = complete_device(settings_.device, settings_.mtu);
    const bool slots = is_af_packet(completed);
    const std::uint32_t longest = slots ? af_packet_slot_room(completed) : info.max_rx_pktlen;
    const std::uint32_t wanted = settings_.mtu + net::ethernet_header_length;
    if (wanted > longest)
        return failure("an MTU of " + std::to_string(settings_.mtu) + " needs frames of "
                           + std::to_string(wanted) + " octets, driver " + driver_
                           + " takes at most " + std::to_string(longest),
                       where, "lower the MTU, or use another driver or a larger framesz");

    rx_queues_ = tx_queues_ = std::max<std::uint16_t>(
        1, std::min({settings_.workers, info.max_rx_queues, info.max_tx_queues}));
    sends_segments_ = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
    rte_eth_conf configuration{};
    // af_packet's slots say what it carries; the MTU it would take here is bounded by 1500.
    configuration.rxmode.mtu =
        slots ? std::min<std::uint16_t>(settings_.mtu, RTE_ETHER_MTU) : settings_.mtu;
    if (role() == PortRole::uplink)
        configuration.rxmode.offloads =
            info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
    if (sends_segments_) configuration.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    if (settings_.inline_ipsec && (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SECURITY) != 0
        && (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_SECURITY) != 0) {
        configuration.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SECURITY;
        configuration.txmode.offloads |= RTE_ETH_TX_OFFLOAD_SECURITY;
    }
    if (rx_queues_ > 1 && info.flow_type_rss_offloads != 0) {
        configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        // ESP has no ports: by its SPI, so that SAs find different workers.
        configuration.rx_adv_conf.rss_conf.rss_hf =
            info.flow_type_rss_offloads
            & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_ESP);
    }
    configuration.intr_conf.lsc = link_event_ ? 1 : 0;
    configuration.intr_conf.rmv = removal_event_ ? 1 : 0;
    if (const int error = rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &configuration);
        error != 0)
        return failure("cannot configure the device: " + reason(error), where);

    std::uint16_t rx_ring = is_tap(completed) ? tap_ring_size : ring_size, tx_ring = ring_size;
    if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_ring, &tx_ring); error != 0)
        return failure("cannot size the device's rings: " + reason(error), where);
    for (std::uint16_t queue = 0; queue < rx_queues_; ++queue) {
        int error = rte_eth_rx_queue_setup(id_, queue, rx_ring, SOCKET_ID_ANY, nullptr, pool);
        if (error == 0) error = rte_eth_tx_queue_setup(id_, queue, tx_ring, SOCKET_ID_ANY, nullptr);
        if (error != 0)
            return failure("cannot set up queue " + std::to_string(queue) + ": " + reason(error),
                           where, remedy(error));
    }
    return start(slots ? longest : settings_.mtu + frame_overhead);
}

Expected<void> Port::start(std::uint32_t max_frame) {
    const std::string where = std::string(to_string(role())) + " " + name();
    max_frame_ = max_frame;
    // Sets the MTU of a kernel interface behind the port too; drivers without the call have none.
    if (!is_af_packet(settings_.device)) rte_eth_dev_set_mtu(id_, settings_.mtu);
    if (settings_.steps != nullptr)
        if (auto done = settings_.steps->before_start(id_); !done) return done;
    if (const int error = rte_eth_dev_start(id_); error != 0) {
        if (settings_.steps != nullptr) settings_.steps->after_stop(id_);
        return failure("cannot start the device: " + reason(error), where, remedy(error));
    }
    started_ = true;

    bool mac_taken = false;
    if (settings_.mac) {
        rte_ether_addr address = to_dpdk(*settings_.mac);
        mac_taken = rte_eth_dev_default_mac_addr_set(id_, &address) == 0;
    }
    rte_ether_addr address{};
    rte_eth_macaddr_get(id_, &address);
    std::memcpy(mac_.octets.data(), address.addr_bytes, mac_.octets.size());
    // Drivers without filters say so and take everything anyway.
    if (role() == PortRole::vm_port || (role() == PortRole::uplink && settings_.mac && !mac_taken))
        rte_eth_promiscuous_enable(id_);
    rte_eth_allmulticast_enable(id_);
    reset_counters();
    return {};
}

Port::~Port() {
    if (driver_.empty()) return;
    // mlx5 has freed by then what it reads when it closes a port.
    if (rte_eth_dev_is_removed(id_) == 1) return;
    rte_eth_dev_info info{};
    const bool known = rte_eth_dev_info_get(id_, &info) == 0;
    if (started_) {
        if (settings_.steps != nullptr) settings_.steps->before_stop(id_);
        rte_eth_dev_stop(id_);
        if (settings_.steps != nullptr) settings_.steps->after_stop(id_);
    }
    rte_eth_dev_close(id_);
    if (settings_.steps != nullptr) settings_.steps->closed(id_);
    if (probed_ && known && info.device != nullptr) rte_dev_remove(info.device);
}

bool Port::promiscuous() const {
    return !removed_ && rte_eth_promiscuous_get(id_) == 1;
}

void Port::receive_also(const net::MacAddress& mac) {
    rte_ether_addr address = to_dpdk(mac);
    // Drivers without either take everything anyway.
    if (rte_eth_dev_mac_addr_add(id_, &address, 0) != 0) rte_eth_promiscuous_enable(id_);
}

bool Port::link_up() const {
    rte_eth_link link{};
    return !removed_ && rte_eth_link_get_nowait(id_, &link) == 0
           && link.link_status == RTE_ETH_LINK_UP;
}

std::uint32_t Port::link_speed() const {
    rte_eth_link link{};
    if (removed_ || rte_eth_link_get_nowait(id_, &link) != 0 || link.link_status != RTE_ETH_LINK_UP
        || link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN)
        return 0;
    return link.link_speed;
}

namespace {

std::optional<PortCounters> read_counters(std::uint16_t id) {
    rte_eth_stats stats{};
    if (rte_eth_stats_get(id, &stats) != 0) return std::nullopt;
    return PortCounters{stats.ipackets, stats.ibytes,  stats.opackets, stats.obytes,
                        stats.imissed,  stats.ierrors, stats.oerrors,  stats.rx_nombuf};
}

} // namespace

PortCounters Port::counters() const {
    PortCounters now = removed_ ? *removed_ : read_counters(id_).value_or(base_);
    now.rx_packets -= base_.rx_packets;
    now.rx_bytes -= base_.rx_bytes;
    now.tx_packets -= base_.tx_packets;
    now.tx_bytes -= base_.tx_bytes;
    now.rx_missed -= base_.rx_missed;
    now.rx_errors -= base_.rx_errors;
    now.tx_errors -= base_.tx_errors;
    now.rx_no_buffer -= base_.rx_no_buffer;
    return now;
}

// Not every driver can reset its counters, every one can be subtracted from.
void Port::reset_counters() {
    base_ = removed_ ? *removed_ : read_counters(id_).value_or(PortCounters{});
}

void Port::set_removed() {
    if (removed_) return;
    // Drivers know what they have counted themselves, if not what the device had.
    removed_ = read_counters(id_).value_or(base_);
}

} // namespace sallyport::datapath
