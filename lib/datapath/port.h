// SPDX-License-Identifier: BSD-3-Clause
// A DPDK port, held by RAII: probed, configured and started on construction, gone on destruction.
#pragma once

#include "base/error.h"
#include "net/mac_address.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct rte_eth_stats;
struct rte_mempool;

namespace sallyport::datapath {

enum class PortRole : std::uint8_t { uplink, vm_port, host };
std::string_view to_string(PortRole role);

/// Steps between a port's own ones, for ports of which several are one device. Called in this
/// order; the ones of the way down also after a failure on the way up.
class PortSteps {
  public:
    virtual ~PortSteps() = default;
    /// The queues are set up, the port is not started.
    virtual Expected<void> before_start(std::uint16_t port) = 0;
    virtual void before_stop(std::uint16_t port) = 0;
    /// Stopped, or the start failed.
    virtual void after_stop(std::uint16_t port) = 0;
    virtual void closed(std::uint16_t port) = 0;
};

struct PortSettings {
    /// "p0", "vm1": for messages and commands.
    std::string name;
    /// Device arguments: "net_tap0,iface=blue1". For net_af_packet, framesz, blocksz and
    /// qdisc_bypass are filled in where the operator did not give them (complete_device()).
    std::string device;
    PortRole role = PortRole::vm_port;
    /// Largest IP packet that must pass, octets.
    std::uint16_t mtu = 1500;
    /// MAC to receive; absent: the driver's own. Where the driver refuses it, promiscuous mode is
    /// used.
    std::optional<net::MacAddress> mac;
    /// Number of workers: as many receive queues as the driver has, up to this.
    std::uint16_t workers = 1;
    /// Switch the NIC's IPsec on (rte_security), where it has one for both directions. Drivers may
    /// be slower then.
    bool inline_ipsec = false;
    /// Null where the port is a device of its own; must outlive the port.
    PortSteps* steps = nullptr;
};

struct PortCounters {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    /// Missed and failed in the driver, beyond our own drop reasons.
    std::uint64_t rx_missed = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_errors = 0;
    std::uint64_t rx_no_buffer = 0;
};

/// All calls from the control thread.
class Port {
  public:
    /// The device as it is found; an Error where there is none.
    static Expected<std::unique_ptr<Port>> find(const PortSettings& settings);
    /// Configures and starts it, once.
    /// @param pool buffers that hold a frame of the MTU in one segment; must outlive the port
    Expected<void> bring_up(rte_mempool* pool);
    /// Both.
    static Expected<std::unique_ptr<Port>> open(const PortSettings& settings, rte_mempool* pool);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    [[nodiscard]] std::uint16_t id() const { return id_; }
    [[nodiscard]] const PortSettings& settings() const { return settings_; }
    [[nodiscard]] const std::string& name() const { return settings_.name; }
    [[nodiscard]] PortRole role() const { return settings_.role; }
    /// "net_tap"
    [[nodiscard]] const std::string& driver() const { return driver_; }
    [[nodiscard]] net::MacAddress mac() const { return mac_; }
    [[nodiscard]] std::uint16_t rx_queues() const { return rx_queues_; }
    [[nodiscard]] std::uint16_t tx_queues() const { return tx_queues_; }
    /// Largest frame without FCS that the driver sends, octets.
    [[nodiscard]] std::uint32_t max_frame() const { return max_frame_; }
    [[nodiscard]] bool sends_segments() const { return sends_segments_; }
    [[nodiscard]] bool promiscuous() const;
    /// Takes frames to this MAC too; by promiscuous mode where the driver has no filter for it.
    void receive_also(const net::MacAddress& mac);
    /// Kernel interface behind the port, if any.
    [[nodiscard]] std::optional<unsigned> interface_index() const { return interface_index_; }
    /// True: the driver raises RTE_ETH_EVENT_INTR_LSC.
    [[nodiscard]] bool link_event() const { return link_event_; }
    /// True: the driver raises RTE_ETH_EVENT_INTR_RMV.
    [[nodiscard]] bool removal_event() const { return removal_event_; }
    /// The driver's word; a driver without link state always says up.
    [[nodiscard]] bool link_up() const;
    /// Mb/s; 0 where unknown.
    [[nodiscard]] std::uint32_t link_speed() const;

    /// Since start or the last reset_counters().
    [[nodiscard]] PortCounters counters() const;
    void reset_counters();

    /// The device is gone: its driver is asked nothing more. The software path must not use the
    /// port any more. At the end it is stopped and closed as ever, or left as it is where the
    /// driver says itself that the device has been removed.
    void set_removed();
    [[nodiscard]] bool is_removed() const { return removed_.has_value(); }

    /// Data room a buffer pool needs so that this device can receive, octets without headroom.
    /// af_packet copies whatever its ring slot holds, so the slot bounds it, not the MTU.
    static std::uint16_t needed_data_room(const std::string& device, std::uint16_t mtu);

  private:
    Port() = default;
    Expected<void> probe();
    Expected<void> start(std::uint32_t max_frame);

    PortSettings settings_;
    std::uint16_t id_ = 0;
    bool probed_ = false;
    bool started_ = false;
    std::string driver_;
    net::MacAddress mac_;
    std::uint16_t rx_queues_ = 0;
    std::uint16_t tx_queues_ = 0;
    std::uint32_t max_frame_ = 0;
    bool sends_segments_ = false;
    bool link_event_ = false;
    bool removal_event_ = false;
    std::optional<unsigned> interface_index_;
    PortCounters base_;
    /// What the counters were when the device went.
    std::optional<PortCounters> removed_;
};

} // namespace sallyport::datapath
