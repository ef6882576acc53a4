// SPDX-License-Identifier: BSD-3-Clause
// Every way a packet can end other than by being forwarded. docs/drop-reasons.md explains them to
// operators; a test holds the two together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sallyport::datapath {

// clang-format off
#define SALLYPORT_DROP_REASONS(X)                                                                      \
    /* any frame */                                                                                    \
    X(frame_too_short,          "frame-too-short",          "shorter than an Ethernet header")         \
    X(source_mac_invalid,       "source-mac-invalid",       "source MAC is multicast or zero")         \
    X(frame_truncated,          "frame-truncated",          "inner IP length exceeds the frame: the port was given a segment it could not take whole") \
    X(inner_vlan,               "inner-vlan",               "802.1Q tag in a tenant that does not pass them") \
    /* from a vm port */                                                                               \
    X(vm_port_unbound,          "vm-port-unbound",          "received on a port that belongs to no tenant (any more)") \
    X(rate_exceeded,            "rate-exceeded",            "more than the vm port's rate and burst allow") \
    X(source_mac_spoofed,       "source-mac-spoofed",       "source MAC is not one of the vm port's")  \
    X(underlay_mac,             "underlay-mac",             "VM addressed the underlay's own MAC")     \
    X(mtu_exceeded,             "mtu-exceeded",             "larger than the tenant's MTU, not IP: no answer possible") \
    X(mtu_exceeded_answered,    "mtu-exceeded-answered",    "larger than the tenant's MTU, answered with ICMP fragmentation needed or ICMPv6 packet too big") \
    /* forwarding */                                                                                   \
    X(reserved_multicast,       "reserved-multicast",       "destination 01:80:c2:00:00:00 to :0f is never forwarded (IEEE 802.1Q 8.6.3)") \
    X(source_mac_static,        "source-mac-static",        "source MAC has a static fdb entry elsewhere") \
    X(same_port,                "same-port",                "destination is behind the port the frame came from") \
    X(split_horizon,            "split-horizon",            "from a remote vtep to a remote vtep")     \
    X(flooding_off,             "flooding-off",             "broadcast, unknown or multicast destination in a tenant without flooding") \
    X(flood_no_target,          "flood-no-target",          "nobody to flood to")                      \
    X(tenant_gone,              "tenant-gone",              "the tenant was removed while the packet was under way") \
    /* to the underlay */                                                                              \
    X(next_hop_unresolved,      "next-hop-unresolved",      "no route or no MAC address for the remote vtep") \
    X(no_sa,                    "no-sa",                    "protected tenant without an SA to the remote vtep") \
    X(sequence_exhausted,       "sequence-exhausted",       "no ESP sequence number is left under the key") \
    X(sequence_not_reserved,    "sequence-not-reserved",    "the next ESP sequence number is not safe to use yet: the state file lags") \
    X(no_room,                  "esp-no-room",              "buffer or IP length has no room for what ESP adds") \
    X(no_active_uplink,         "no-active-uplink",         "both uplinks are down")                   \
    /* from the underlay */                                                                            \
    X(backup_uplink,            "backup-uplink",            "received on the uplink that is not active") \
    X(not_for_us,               "not-for-us",               "unicast to a MAC that is not the underlay's") \
    X(detector_queue_full,      "detector-queue-full",      "for the failover detectors, whose queue is full") \
    X(outer_malformed,          "outer-malformed",          "outer IP header too short, or a length that does not fit") \
    X(outer_ip_checksum,        "outer-ip-checksum",        "outer IPv4 header checksum wrong")        \
    X(outer_fragment,           "outer-fragment",           "fragment of a VXLAN packet (RFC 7348 4.3)") \
    X(outer_udp_length,         "outer-udp-length",         "UDP length does not fit the packet")      \
    X(outer_udp_checksum,       "outer-udp-checksum",       "outer UDP checksum wrong")                \
    X(outer_udp6_zero_checksum, "outer-udp6-zero-checksum", "zero UDP checksum over IPv6, not accepted by the config") \
    X(vxlan_flags,              "vxlan-flags",              "VXLAN I flag not set")                    \
    X(vni_unknown,              "vni-unknown",              "no tenant has this VNI")                  \
    X(vni_wrong_vtep,           "vni-wrong-vtep",           "the VNI's tenant has another local vtep or UDP port") \
    X(vtep_unknown,             "vtep-unknown",             "source is no remote vtep of the VNI's tenant") \
    X(clear_text,               "clear-text",               "in clear for a protected tenant (RFC 4301 5.2)") \
    X(unknown_spi,              "unknown-spi",              "ESP for a protected tenant's vtep by an SPI that nobody has") \
    X(selector_mismatch,        "selector-mismatch",        "what came out of ESP is not the VXLAN that the SA is for (RFC 4301 5.2)") \
    X(bad_icv,                  "bad-icv",                  "ESP with a wrong ICV: damaged, forged, or another key") \
    X(replayed,                 "replayed",                 "ESP sequence number was taken before")   \
    X(outside_window,           "outside-window",           "ESP sequence number older than the replay window") \
    X(bad_padding,              "bad-padding",              "ESP with a right ICV, but padding or next header wrong (RFC 4303 2.4)") \
    X(dummy,                    "dummy",                    "ESP dummy packet (RFC 4303 2.6)")         \
    X(malformed,                "esp-malformed",            "not a packet that the SA takes: headers or a length wrong") \
    X(unsuitable_buffer,        "esp-unsuitable-buffer",    "ESP in several buffers, or in one that is shared") \
    X(lifetime_over,            "lifetime-over",            "the SA's hard lifetime is over")           \
    X(engine_failure,           "engine-failure",           "the crypto device or NIC failed")         \
    X(ecn_invalid,              "ecn-invalid",              "outer CE on a not-ECN-capable inner packet (RFC 6040)") \
    X(host_port_absent,         "host-port-absent",         "for Linux, but there is no host port")    \
    /* ports */                                                                                        \
    X(port_gone,                "port-gone",                "the output port was removed while the packet was under way") \
    X(port_frame_size,          "port-frame-size",          "larger than the output port's driver takes") \
    X(transmit_full,            "transmit-full",            "the output port took no more packets")    \
    X(handover_full,            "handover-full",            "the queue to the worker that owns the output port is full") \
    X(no_buffer,                "no-buffer",                "out of packet buffers")
// clang-format on

enum class DropReason : std::uint8_t {
#define X(id, name, text) id,
    SALLYPORT_DROP_REASONS(X)
#undef X
};

inline constexpr std::size_t drop_reason_count = 0
#define X(id, name, text) +1 // NOLINT(bugprone-macro-parentheses): terms of a sum
    SALLYPORT_DROP_REASONS(X)
#undef X
    ;

/// As operators see it: "source-mac-spoofed".
std::string_view name(DropReason reason);
/// One sentence for "show drop".
std::string_view explanation(DropReason reason);

} // namespace sallyport::datapath
