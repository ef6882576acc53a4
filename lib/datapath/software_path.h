// SPDX-License-Identifier: BSD-3-Clause
// The software path as the control thread sees it: rows and ports in, learn events and counters
// out.
#pragma once

#include "base/error.h"
#include "datapath/drop_reason.h"
#include "datapath/first_packets.h"
#include "datapath/port.h"
#include "ipsec/session.h"
#include "net/detector_frames.h"
#include "net/encap_entropy.h"
#include "overlay/path.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sallyport::datapath {

/// VmPortIds below this are taken.
inline constexpr std::uint16_t most_vm_ports = 4096;

enum class UdpChecksum : std::uint8_t { automatic, zero, computed };

struct SoftwarePathSettings {
    std::uint32_t tenants = 4096;
    std::uint32_t fdb_entries = 131072;
    std::uint32_t tunnels = 131072;
    /// Octets of one outer IP packet.
    std::uint16_t underlay_mtu = 1600;
    std::uint8_t ttl = 64;
    /// Absent: copied from the inner header.
    std::optional<std::uint8_t> dscp;
    bool dont_fragment = true;
    UdpChecksum udp_checksum = UdpChecksum::automatic;
    bool accept_udp6_zero_checksum = false;
    std::uint16_t source_port_first = 49152;
    std::uint16_t source_port_last = 65535;
    /// Idle workers sleep up to this, in microseconds; 0: they spin.
    std::uint32_t max_sleep_us = 100;
    /// Data room of one packet buffer, without headroom, octets.
    std::uint16_t buffer_data_room = 2048;
    std::uint32_t buffers = 16384;
    /// EAL lcores that run the graph; one worker each. At least one.
    std::vector<unsigned> worker_lcores;
};

/// Index by DropReason.
using DropCounts = std::array<std::uint64_t, drop_reason_count>;

struct TenantCounters {
    /// From VM ports, to VM ports.
    std::uint64_t rx_packets = 0, rx_bytes = 0;
    std::uint64_t tx_packets = 0, tx_bytes = 0;
    /// To and from remote vteps, inner octets.
    std::uint64_t encap_packets = 0, encap_bytes = 0;
    std::uint64_t decap_packets = 0, decap_bytes = 0;
    /// Frames that were flooded (once each, however many copies).
    std::uint64_t flooded_packets = 0;
    /// Learn events that found the queue to the control thread full; the next frame tries again.
    std::uint64_t learn_queue_full = 0;
    DropCounts drops{};
};

/// rte_graph's own figures, summed over workers.
struct NodeCounters {
    std::string node;
    std::uint64_t calls = 0;
    std::uint64_t packets = 0;
    std::uint64_t cycles = 0;
};

struct WorkerCounters {
    unsigned lcore = 0;
    std::uint64_t loops = 0;
    /// Loops that found no packet.
    std::uint64_t idle_loops = 0;
    std::uint64_t sleeps = 0;
};

/// All calls from the control thread. Workers run from start() to stop().
class SoftwarePath final : public overlay::Path {
  public:
    static Expected<std::unique_ptr<SoftwarePath>> create(const SoftwarePathSettings& settings);
    ~SoftwarePath() override;

    /// Buffers for the ports' receive queues. Lives as long as the object.
    [[nodiscard]] rte_mempool* buffer_pool() const;

    Expected<void> start();
    /// Workers have left their loops when it returns.
    void stop();
    /// One walk of a worker's graph on the calling thread, for tests and benchmarks that want each
    /// packet's fate before they go on. Workers must not be running.
    /// @param worker index into SoftwarePathSettings::worker_lcores
    /// @return packets received in the walk
    std::uint32_t walk(std::size_t worker);

    /// Ports are attached after Port::open() and detached before the Port goes away; detaching
    /// waits until no worker uses the port any more. Attaching a vm port whose row was not put yet
    /// is allowed: its frames are dropped as vm-port-unbound until then.
    Expected<void> attach_uplink(overlay::UplinkIndex index, const Port& port);
    Expected<void> attach_host(const Port& port);
    Expected<void> attach_vm_port(overlay::VmPortId id, const Port& port);
    void detach(const Port& port);

    /// The underlay's own MAC: frames to it are taken from the uplinks.
    void set_underlay_mac(const net::MacAddress& mac);

    /// Who says the outer UDP source port of IP packets; where it cannot say, and for all others,
    /// it is our own hash in the settings' range. To be called while no worker runs.
    /// @param entropy outlives the workers' running; null: our own hash always
    void set_encap_entropy(const net::EncapEntropy* entropy);

    /// From now on what is for us is taken from this uplink too, although it is not active: the
    /// underlay may not know yet where we have gone. What is for all is not, since it comes by the
    /// active one as well. Absent: from the active one alone.
    void drain(std::optional<overlay::UplinkIndex> uplink);

    /// Tenants' first packets by the active uplink since it last changed, by the UplinkRow.
    [[nodiscard]] FirstPacketTimes first_packets() const;

    /// What is for the uplink's failover detectors goes to them and nowhere else, by the active
    /// uplink or by the other. To be called while no worker runs.
    void set_detectors(overlay::UplinkIndex uplink, net::DetectorStation station);
    /// Readable when take_detector_frames() may have something; reset by it. Owned by the object.
    [[nodiscard]] int detector_fd() const;
    /// A whole Ethernet frame without FCS, valid during the call.
    using DetectorFrame = std::function<void(overlay::UplinkIndex, std::span<const std::uint8_t>)>;
    void take_detector_frames(std::size_t most, const DetectorFrame& each);

    /// Sends one whole Ethernet frame (no FCS) by an uplink, active or not. Copied.
    Expected<void> inject(overlay::UplinkIndex uplink, std::span<const std::uint8_t> frame);

    /// The SAs by which a protected tenant's packets go to a remote vtep, in place of those before.
    /// A worker has one of its own where there are as many; else some share one worker's. None:
    /// they are dropped as no-sa. When it returns, no worker calls the former sessions any more.
    Expected<void> set_outbound_sas(overlay::TenantId tenant, overlay::VtepId vtep,
                                    std::span<const std::shared_ptr<ipsec::SaSession>> sessions);
    /// Takes ESP of the SA's SPI from now on, for VXLAN of that tenant from that vtep and nothing
    /// else. Goes with the tenant's row, or the vtep's place in it.
    /// @param worker index of the one that calls the session; others hand packets over to it.
    ///        Absent: whichever receives the first packet, so that there is nothing to hand over
    ///        where a port spreads by SPI
    Expected<void> add_inbound_sa(overlay::TenantId tenant, overlay::VtepId vtep,
                                  std::shared_ptr<ipsec::SaSession> session,
                                  std::optional<std::uint16_t> worker = {});
    /// When it returns, no worker calls the session any more. Unknown SPIs are no failure.
    void remove_inbound_sa(std::uint32_t spi);

    // overlay::Path
    Expected<void> apply(std::span<const overlay::RowChange> changes,
                         std::size_t* applied) override;
    [[nodiscard]] std::optional<std::chrono::seconds>
    idle_time(overlay::TenantId tenant, const net::MacAddress& mac) override;
    void take_learned(std::vector<overlay::LearnEvent>& events, std::size_t most) override;
    /// Readable when take_learned() may have something; reset by it. Owned by the object.
    [[nodiscard]] int learned_fd() const;

    [[nodiscard]] TenantCounters tenant_counters(overlay::TenantId tenant) const;
    /// Drops of packets that were received on the port (ingress), by reason.
    [[nodiscard]] DropCounts port_drops(const Port& port) const;
    /// All drops, whichever port or tenant.
    [[nodiscard]] DropCounts drops() const;
    [[nodiscard]] std::vector<NodeCounters> node_counters() const;
    [[nodiscard]] std::vector<WorkerCounters> worker_counters() const;
    void reset_counters();

  private:
    struct Implementation;
    explicit SoftwarePath(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

} // namespace sallyport::datapath
