// SPDX-License-Identifier: BSD-3-Clause
// The control thread: owns all state, turns files, commands, netlink, links and learned addresses
// into row changes. Everything here is called from the control thread only; other threads use
// post().
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "control/failover_drill.h"
#include "control/sa_report.h"
#include "datapath/software_path.h"
#include "eswitch/hardware_path.h"
#include "failover/bfd_link.h"
#include "failover/failover_record.h"
#include "failover/state_machine.h"
#include "overlay/forwarding_state.h"
#include "overlay/row.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sallyport::control {

class EventLoop;
struct NicBackend;

/// What the NIC kept.
using NicTenantCounters = eswitch::HardwarePath::TenantTraffic;
using NicPortCounters = eswitch::HardwarePath::PortTraffic;

/// What the commands and telemetry show. Plain values, copied out.
struct PortReport {
    std::uint16_t dpdk_id = 0;
    std::string name;
    datapath::PortRole role = datapath::PortRole::vm_port;
    std::string tenant; // vm ports only
    std::string device;
    std::string driver;
    std::string interface; // kernel interface, empty if none
    net::MacAddress mac;
    std::vector<net::MacAddress> allowed_macs; // vm ports only; empty: any
    std::optional<net::RateLimit> rate_limit;  // vm ports only
    std::uint16_t mtu = 0;
    std::uint16_t rx_queues = 0;
    std::uint16_t tx_queues = 0;
    bool link_up = false;
    std::uint32_t link_speed_mbps = 0;
    bool promiscuous = false;
    datapath::PortCounters counters;
    /// Of representors.
    std::optional<NicPortCounters> nic;
    datapath::DropCounts drops{};
};

struct UplinkReport {
    std::string name;
    overlay::UplinkIndex index = 0;
    bool active = false;
    bool link_up = false;
    bool administratively_up = false;
    /// "link down", "bfd down", ...; empty: it is usable.
    std::string fault;
    /// Where the link state comes from: "carrier of IF", "driver event", "verbs event of port N of
    /// DEVICE", as many as there are, or "polling".
    std::string link_source;
    std::uint64_t switches_to = 0;
    std::optional<std::chrono::system_clock::time_point> last_change;
    /// False: its device is gone.
    bool present = true;
};

struct FailoverReport {
    std::optional<std::string> active;
    std::string last_reason;
    std::uint64_t switches = 0;
    std::vector<UplinkReport> uplinks;
};

/// The failover detectors of an uplink, beyond its link.
struct DetectorReport {
    std::string uplink;
    /// By which they send, and are answered.
    net::MacAddress mac;
    struct Neighbour {
        net::IpAddress address;
        bool lost = false;
        unsigned missed = 0;
    };
    struct NeighbourProbe {
        bool failed = false;
        std::vector<Neighbour> targets;
    };
    /// Absent: neighbours are not probed.
    std::optional<NeighbourProbe> neighbours;
    struct Bfd {
        failover::BfdEnds ends;
        bool failed = false;
        std::optional<net::MacAddress> peer_mac;
        net::BfdState state = net::BfdState::down;
        net::BfdDiagnostic diagnostic = net::BfdDiagnostic::none;
        net::BfdState remote_state = net::BfdState::down;
        net::BfdDiagnostic remote_diagnostic = net::BfdDiagnostic::none;
        std::chrono::microseconds transmit_interval{};
        /// Zero: nothing came yet.
        std::chrono::microseconds detection_time{};
        std::uint64_t sent = 0;
        std::uint64_t received = 0;
        net::BfdDiscardCounters discarded{};
    };
    std::optional<Bfd> bfd;
};

/// Of "failover probe".
struct ProbeStatus {
    net::IpAddress vtep;
    std::uint32_t packets_per_second = 0;
    bool running = false;
    failover::ProbeReport report;
};

/// Of "failover drill".
struct DrillStatus {
    net::IpAddress vtep;
    std::uint32_t packets_per_second = 0;
    DrillReport report;
};

struct NextHopReport {
    net::IpAddress address;
    bool configured = false;
    struct Link {
        std::string uplink;
        std::optional<net::MacAddress> source;
        std::optional<net::MacAddress> destination;
    };
    std::vector<Link> links;
};

struct VtepReport {
    net::IpAddress address;
    /// Local ones have no next hop.
    bool local = false;
    std::optional<net::IpAddress> next_hop;
    bool resolved = false;
    std::vector<std::string> tenants;
};

struct FdbReport {
    std::string tenant;
    net::MacAddress mac;
    /// Exactly one of the two.
    std::string vm_port;
    std::optional<net::IpAddress> vtep;
    overlay::FdbOrigin origin = overlay::FdbOrigin::learned;
    std::optional<std::chrono::seconds> idle;
    /// Absent: there is no NIC.
    std::optional<bool> in_hardware;
    std::string why_in_software; // of an entry that the NIC has not, or not wholly
};

struct TenantReport {
    config::TenantSettings settings;
    std::uint32_t learned_entries = 0;
    std::uint32_t configured_entries = 0;
    /// Stations not learned because max_learned or limits.fdb_entries was reached.
    std::uint64_t learn_refused = 0;
    /// Learned entries that changed place.
    std::uint64_t moves = 0;
    datapath::TenantCounters counters;
    /// Beside the counters above, which are the software path's.
    std::optional<NicTenantCounters> nic;
};

/// A rule of the hardware path, or what has none. Without a NIC that takes it: what would be asked
/// of one.
struct FlowReport {
    std::string table; // empty: it is no rule, but what the software path does for want of one
    std::uint32_t group = 0;
    std::string tenant;  // empty: of none, or of several
    std::string vm_port; // likewise
    std::string match;   // of what is no rule: what it would be for
    std::string actions;
    /// "hardware"; "refused": by the driver; "wanted": it could not be asked, or not yet;
    /// "software": no NIC could take it; "no NIC".
    std::string state;
    std::string reason; // why it is not in hardware, as far as that is known
    /// Of rules that count, in hardware.
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::string uplink; // that it takes packets from or sends them by; empty: none
};

/// The E-Switch as a whole.
struct EswitchReport {
    std::string kind;  // "none", "mlx5"
    std::string proxy; // name of the uplink through which all rules are made
    /// A port of the E-Switch.
    struct Port {
        std::string name;
        bool is_uplink = false; // else the representor of a vm port's VF
        std::string function;   // "pf0", "pf0vf3"
        std::string device;     // DPDK's name
        std::uint16_t dpdk_id = 0;
        bool is_proxy = false;
    };
    std::vector<Port> ports;
    struct Table {
        std::string name;
        std::uint32_t group = 0;
        std::uint32_t rules = 0;
        std::uint32_t size = 0;
    };
    std::vector<Table> tables;
    std::size_t entries_in_hardware = 0;
    /// Of the fdb, all tenants.
    std::size_t entries = 0;
    std::uint64_t created = 0;
    std::uint64_t updated = 0;
    std::uint64_t destroyed = 0;
    /// Rules that the NIC would not make or update; those that it does not have are tried again.
    std::uint64_t refused = 0;
    /// Packets of the NIC's that had no way out; the software path's drops know nothing of them.
    std::uint64_t dropped_no_active_uplink = 0;
    std::uint64_t dropped_next_hop_unresolved = 0;
    /// Rules that the NIC would not give back.
    std::uint64_t stranded = 0;
    /// Flow queues, the operations that each one holds, and those in it that have not finished.
    std::uint32_t queues = 0;
    std::uint32_t queue_size = 0;
    std::uint32_t in_flight = 0;
    std::uint32_t counters = 0;
    std::uint32_t counters_used = 0;
    [[nodiscard]] std::uint32_t counters_left() const {
        return counters - std::min(counters, counters_used);
    }
    std::string dead;   // why the NIC takes no more changes; empty: it does
    std::string closed; // why all traffic goes by software; empty: it does not
    /// The software path writes the UDP source port that the NIC would.
    bool source_port_agreed = false;
    std::string why_own_source_port; // why not; empty also where there is no NIC
};

/// Empty members let everything pass.
struct FlowFilter {
    std::string tenant;
    std::string port; // uplink or vm port
};

/// One packet's way through the E-Switch's groups.
struct ExplainReport {
    struct Step {
        std::uint32_t group = 0;
        std::string table; // empty: no rule matched
        std::string match;
        std::string actions;
    };
    enum class Fate : std::uint8_t { port, cpu, drop };
    std::vector<Step> steps;
    Fate fate = Fate::cpu;
    std::string port;   // Fate::port only
    std::string packet; // hexadecimal, as it leaves the NIC
    std::string cpu;    // why it is left to the CPU, empty if it is not
    /// Where the card has not what the rows want, as far as the packet meets it.
    std::vector<std::string> differences{};
    /// Its fate, or what the card lacks, or that there is none, brings the packet to the CPU.
    bool cpu_gets_it = false;
    /// What the software path does with it, a sentence each; and the drop reason it ends under,
    /// empty if it goes on.
    std::vector<std::string> software{};
    std::string software_drop{};
};

/// What a reload changed of a tenant.
struct TenantReload {
    using Difference = overlay::ForwardingState::Difference;
    std::string tenant{};
    /// Keys in front of the file's sections: "mtu", "learning", ...
    std::vector<std::string> settings{};
    Difference remote_vteps{};
    Difference vm_ports{};
    Difference fdb{};
    /// None is changed: it is removed, and another added.
    Difference sas{};
};

class Controller {
  public:
    /// Opens ports, installs all rows, starts the workers. EAL must be up. What was done is undone
    /// when it fails.
    /// @param loop must outlive the controller
    static Expected<std::unique_ptr<Controller>> start(const config::Settings& settings,
                                                       EventLoop& loop);
    /// The same with a card that may be played.
    static Expected<std::unique_ptr<Controller>> start(const config::Settings& settings,
                                                       EventLoop& loop, NicBackend nic_backend);
    /// Stops the workers, closes the ports.
    virtual ~Controller() = default;

    // Commands. Names are as in the files; an unknown name is an Error that lists what there is.
    virtual Expected<void> add_tenant(const std::filesystem::path& file) = 0;
    virtual Expected<void> remove_tenant(const std::string& name) = 0;
    /// Reads the tenant's file again, or every tenant's where @p tenant is empty, and changes what
    /// differs, in the order in which they run. A file that is wrong changes nothing of any.
    virtual Expected<std::vector<TenantReload>> reload_tenants(const std::string& tenant) = 0;
    /// Reads the tenant's file again and replaces its SAs, make before break; on failure all stay.
    virtual Expected<void> rekey(const std::string& tenant) = 0;
    virtual Expected<void> add_fdb(const std::string& tenant, const config::FdbSettings& entry) = 0;
    /// Static or learned.
    virtual Expected<void> remove_fdb(const std::string& tenant, const net::MacAddress& mac) = 0;
    virtual Expected<void> set_uplink(const std::string& uplink, bool administratively_up) = 0;
    virtual Expected<failover::Switch> switch_uplink() = 0;
    /// Sends a numbered stream to the vtep of another Sallyport, until stop_probe(); one that is
    /// under way ends.
    virtual Expected<void> start_probe(const net::IpAddress& vtep,
                                       std::uint32_t packets_per_second) = 0;
    virtual Expected<void> stop_probe() = 0;
    /// Switches to the other uplink and back, each in the middle of a stream; takes some seconds.
    virtual Expected<void> start_drill(const net::IpAddress& vtep,
                                       std::uint32_t packets_per_second) = 0;
    virtual void clear_counters() = 0;

    // Questions.
    [[nodiscard]] virtual const config::Settings& settings() const = 0; // with tenants as they run
    [[nodiscard]] virtual std::vector<PortReport> ports() const = 0;
    [[nodiscard]] virtual FailoverReport failover() const = 0;
    /// Of each uplink.
    [[nodiscard]] virtual std::vector<DetectorReport> detectors() const = 0;
    /// The latest switches of the active uplink, oldest first.
    [[nodiscard]] virtual std::vector<failover::FailoverRecord> failover_history() const = 0;
    /// The latest one; absent: there was none.
    [[nodiscard]] virtual std::optional<ProbeStatus> probe() const = 0;
    [[nodiscard]] virtual std::optional<DrillStatus> drill() const = 0;
    [[nodiscard]] virtual std::vector<NextHopReport> next_hops() const = 0;
    [[nodiscard]] virtual std::vector<VtepReport> vteps() const = 0;
    /// @param tenant empty: of all
    [[nodiscard]] virtual Expected<std::vector<FdbReport>> fdb(const std::string& tenant) const = 0;
    [[nodiscard]] virtual std::vector<TenantReport> tenants() const = 0;
    [[nodiscard]] virtual Expected<std::vector<FlowReport>>
    flows(const FlowFilter& filter) const = 0;
    [[nodiscard]] virtual EswitchReport eswitch() const = 0;
    /// The hardware path's whole program as testpmd's commands.
    [[nodiscard]] virtual Expected<std::string> testpmd_program() const = 0;
    /// @param port uplink or vm port from whose own side the packet comes
    [[nodiscard]] virtual Expected<ExplainReport>
    explain(const std::string& port, std::span<const std::uint8_t> packet) const = 0;
    [[nodiscard]] virtual IpsecReport ipsec() const = 0;
    [[nodiscard]] virtual datapath::DropCounts drops() const = 0;
    [[nodiscard]] virtual std::vector<datapath::NodeCounters> node_counters() const = 0;
    [[nodiscard]] virtual std::vector<datapath::WorkerCounters> worker_counters() const = 0;
    [[nodiscard]] virtual std::chrono::steady_clock::duration uptime() const = 0;
};

} // namespace sallyport::control
