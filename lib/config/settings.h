// SPDX-License-Identifier: BSD-3-Clause
// Validated settings: what the files say, as values. docs/configuration.md describes every key.
#pragma once

#include "failover/bfd_link.h"
#include "failover/reachability_probe.h"
#include "failover/state_machine.h"
#include "ipsec/engine.h"
#include "ipsec/sa.h"
#include "net/ip_address.h"
#include "net/mac_address.h"
#include "net/rate_limit.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::config {

/// One VM port of a tenant file: section [vm_port.NAME].
struct VmPortSettings {
    std::string name;
    /// DPDK device arguments: "net_tap0,iface=blue1", "0000:03:00.2", ...
    std::string device;
    /// MACs the VM may send from, ascending; empty: any (key "mac = any").
    std::vector<net::MacAddress> macs;
    /// Of what the VM sends (keys "rate" and "burst"); absent: unlimited.
    std::optional<net::RateLimit> rate_limit{};

    bool operator==(const VmPortSettings&) const = default;
};

/// One static fdb entry. Exactly one of the two targets is set.
struct FdbSettings {
    net::MacAddress mac;
    std::string vm_port;
    std::optional<net::IpAddress> vtep;

    bool operator==(const FdbSettings&) const = default;
};

/// One security association of a tenant file: section [sa.NAME]. The key stays in its file.
struct SaSettings {
    std::string name{};
    ipsec::Direction direction = ipsec::Direction::outbound;
    net::IpAddress remote_vtep{};
    /// Host byte order.
    std::uint32_t spi = 0;
    ipsec::Algorithm algorithm = ipsec::Algorithm::aes_128_gcm;
    /// Where the key is read from: the tenant's own file where it stands inline.
    std::filesystem::path key_file{};
    bool key_inline = false;
    ipsec::Mode mode = ipsec::Mode::transport;
    bool esn = true;
    /// Packets; inbound only.
    std::uint32_t replay_window = 64;
    bool udp_encapsulation = false;
    ipsec::LifetimeLimits soft{};
    ipsec::LifetimeLimits hard{};

    bool operator==(const SaSettings&) const = default;
};

/// One tenant file.
struct TenantSettings {
    std::filesystem::path file;
    std::string name;
    std::uint32_t vni = 0;
    net::IpAddress local_vtep;
    std::uint16_t udp_port = 4789;
    /// Default: the largest that the underlay's MTU carries, in ESP where the tenant is protected,
    /// at most 1500.
    std::uint16_t mtu = 1500;
    bool learning = true;
    bool flooding = true;
    bool pass_inner_vlan = false;
    /// Between vteps in ESP, or not at all.
    bool is_protected = false;
    /// Zero: learned entries do not age.
    std::chrono::seconds ageing_time{300};
    /// Bound on learned entries of the tenant.
    std::uint32_t max_learned = 4096;
    std::vector<net::IpAddress> remote_vteps;
    std::vector<VmPortSettings> vm_ports;
    std::vector<FdbSettings> fdb;
    /// In the order of the file; none unless the tenant is protected.
    std::vector<SaSettings> sas{};

    bool operator==(const TenantSettings&) const = default;
};

struct UplinkSettings {
    std::string name;
    std::string device;
    /// Kernel interface whose carrier tells the link state; empty: what the driver reports, if any.
    std::string interface;
    /// The session over this uplink (keys "bfd_local" and "bfd_peer"); absent: none.
    std::optional<failover::BfdEnds> bfd{};

    bool operator==(const UplinkSettings&) const = default;
};

/// A next hop given by the operator; wins over what the kernel knows.
struct NextHopSettings {
    net::IpAddress address;
    net::MacAddress mac;
    /// Name of the one uplink it is for; empty: both.
    std::string uplink;

    bool operator==(const NextHopSettings&) const = default;
};

enum class UdpChecksum : std::uint8_t {
    /// Zero over IPv4 (RFC 7348 section 5), computed over IPv6 (RFC 8200 section 8.1).
    automatic,
    /// Zero over both (RFC 6935, RFC 6936).
    zero,
    computed,
};

enum class Eswitch : std::uint8_t {
    /// Everything by software.
    none,
    /// The two ports of a ConnectX-6 Dx or later under the multiport E-Switch.
    mlx5,
};

struct EswitchSettings {
    Eswitch kind = Eswitch::none;
    /// Of the card's first port, "0000:08:00.0".
    std::string pci;
    /// Operations in flight on the flow queue.
    std::uint32_t flow_queue_size = 1024;

    bool operator==(const EswitchSettings&) const = default;
};

struct UnderlaySettings {
    /// Largest outer IP packet, octets.
    std::uint16_t mtu = 1600;
    /// Name of the TAP interface through which Linux sees the underlay; empty: no host port.
    std::string host_port = "sallyport0";
    /// Addresses the process gives to the host port; none: the operator's tools do.
    std::vector<net::IpPrefix> addresses;
    /// MAC of the underlay; absent: the first uplink's.
    std::optional<net::MacAddress> mac;
    std::uint8_t ttl = 64;
    /// Absent: copied from the inner header (RFC 2983 uniform model).
    std::optional<std::uint8_t> dscp;
    bool dont_fragment = true;
    UdpChecksum udp_checksum = UdpChecksum::automatic;
    /// Take VXLAN over IPv6 with a zero UDP checksum (RFC 6936 wants this to be configured).
    bool accept_udp6_zero_checksum = false;
    /// Range of the UDP source port, both ends included, host byte order (RFC 7348 section 5).
    std::uint16_t source_port_first = 49152;
    std::uint16_t source_port_last = 65535;
    std::vector<NextHopSettings> next_hops;

    bool operator==(const UnderlaySettings&) const = default;
};

/// As the Linux bond (BOND_MAX_ARP_TARGETS): each is asked by every hypervisor, all the time.
inline constexpr std::size_t most_neighbour_targets = 16;

/// Who must answer ARP or neighbour solicitations on an uplink.
struct NeighbourProbeSettings {
    /// The next hops to the remote vteps, up to most_neighbour_targets of them.
    bool next_hops = false;
    /// Beside those.
    std::vector<net::IpAddress> targets{};
    failover::ReachabilitySettings reachability{};

    [[nodiscard]] bool in_use() const { return next_hops || !targets.empty(); }
    bool operator==(const NeighbourProbeSettings&) const = default;
};

struct FailoverSettings {
    /// Which uplink is active, and when that changes.
    failover::StateMachineSettings policy{.primary = failover::UplinkIndex{0}};
    /// The threads that failover waits for go ahead of ordinary ones.
    bool real_time = true;
    /// Polling of the link state, the net below the events.
    std::chrono::milliseconds poll_interval{10};
    /// Announcements of each local vtep after a switch, and their spacing.
    std::uint8_t announce_count = 3;
    std::chrono::milliseconds announce_interval{100};
    /// UDP port, host byte order, by which we answer probes and expect answers; 0: we do not
    /// answer.
    std::uint16_t probe_port = 18790;
    NeighbourProbeSettings neighbour_probe{};
    /// Of the uplinks' sessions.
    failover::BfdSettings bfd{};

    bool operator==(const FailoverSettings&) const = default;
};

enum class WorkerIdle : std::uint8_t { sleep, spin };

struct WorkerSettings {
    WorkerIdle idle = WorkerIdle::sleep;
    /// Longest nap of an idle worker: what it may add to the latency of the first packet.
    std::chrono::microseconds max_sleep{100};

    bool operator==(const WorkerSettings&) const = default;
};

struct LimitSettings {
    std::uint16_t tenants = 4096;
    std::uint32_t fdb_entries = 131072;
    /// Pairs of tenant and remote vtep.
    std::uint32_t tunnels = 131072;
    /// Packet buffers shared by all ports.
    std::uint32_t buffers = 16384;

    bool operator==(const LimitSettings&) const = default;
};

struct IpsecSettings {
    ipsec::Offload offload;
    /// Of the sequence numbers that may have been used.
    std::filesystem::path state_file = "/var/lib/sallyport/ipsec-sequence-numbers";
    /// A missing state file is made: no key was used before.
    bool new_state_file = false;
    /// Where keys are written for Wireshark; empty: nowhere.
    std::filesystem::path keys_to_file;
    /// How long inbound SAs outlive their place in the file.
    std::chrono::seconds rekey_grace{5};

    bool operator==(const IpsecSettings&) const = default;
};

enum class LogFormat : std::uint8_t { text, json };

struct LogSettings {
    /// trace, debug, info, warning, error
    std::string level = "info";
    LogFormat format = LogFormat::text;
    /// Empty: standard error.
    std::filesystem::path file;

    bool operator==(const LogSettings&) const = default;
};

struct Settings {
    std::filesystem::path file;
    /// Default: the host's name.
    std::string node;
    LogSettings log;
    EswitchSettings eswitch;
    UnderlaySettings underlay;
    /// Two: the uplink index is the order in the file. Loaded settings always have both.
    std::vector<UplinkSettings> uplinks;
    FailoverSettings failover;
    WorkerSettings workers;
    LimitSettings limits;
    IpsecSettings ipsec;
    /// Unix socket of the shell; empty: none.
    std::filesystem::path shell_socket = "/run/sallyport/sallyport.sock";
    std::filesystem::path tenants_directory;
    /// By file name.
    std::vector<TenantSettings> tenants;

    bool operator==(const Settings&) const = default;
};

} // namespace sallyport::config
