// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/library_sa.h"

#include "ipsec/ip_packet.h"
#include "ipsec/ipsec_library.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include <rte_errno.h>
#include <string.h>

namespace sallyport::ipsec {

namespace {

constexpr std::uint8_t tunnel_ttl = 64;

void set_tunnel(rte_security_ipsec_tunnel_param& tunnel, const SaSettings& settings) {
    const std::uint8_t* const local = settings.local.octets.data();
    const std::uint8_t* const remote = settings.remote.octets.data();
    // Inbound the peer is the source.
    const bool outbound = settings.direction == Direction::outbound;
    const std::uint8_t* const source = outbound ? local : remote;
    const std::uint8_t* const destination = outbound ? remote : local;
    if (settings.local.is_ipv4()) {
        tunnel.type = RTE_SECURITY_IPSEC_TUNNEL_IPV4;
        std::memcpy(&tunnel.ipv4.src_ip, source, sizeof tunnel.ipv4.src_ip);
        std::memcpy(&tunnel.ipv4.dst_ip, destination, sizeof tunnel.ipv4.dst_ip);
        tunnel.ipv4.df = 1;
        tunnel.ipv4.ttl = tunnel_ttl;
    } else {
        tunnel.type = RTE_SECURITY_IPSEC_TUNNEL_IPV6;
        std::memcpy(&tunnel.ipv6.src_addr, source, sizeof tunnel.ipv6.src_addr);
        std::memcpy(&tunnel.ipv6.dst_addr, destination, sizeof tunnel.ipv6.dst_addr);
        tunnel.ipv6.hlimit = tunnel_ttl;
    }
}

std::uint8_t protocol_of(net::IpFamily family) {
    return family == net::IpFamily::ipv4 ? protocol_ipv4 : protocol_ipv6;
}

} // namespace

rte_security_ipsec_xform ipsec_xform(const SaSettings& settings, std::uint32_t salt,
                                     std::uint32_t replay_window) {
    const bool outbound = settings.direction == Direction::outbound;
    rte_security_ipsec_xform xform{};
    xform.spi = settings.spi;
    xform.salt = salt;
    xform.options.esn = settings.esn ? 1 : 0;
    xform.options.udp_encap = settings.udp ? 1 : 0;
    xform.direction =
        outbound ? RTE_SECURITY_IPSEC_SA_DIR_EGRESS : RTE_SECURITY_IPSEC_SA_DIR_INGRESS;
    xform.proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP;
    xform.mode = settings.mode == Mode::tunnel ? RTE_SECURITY_IPSEC_SA_MODE_TUNNEL
                                               : RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT;
    if (settings.mode == Mode::tunnel) {
        set_tunnel(xform.tunnel, settings);
        xform.options.ecn = 1;
        xform.options.copy_dscp = outbound ? 1 : 0;
    }
    if (settings.udp) {
        xform.udp.sport = settings.udp->source_port;
        xform.udp.dport = settings.udp->destination_port;
    }
    if (!outbound) xform.replay_win_sz = replay_window;
    // Outbound the next number, inbound the newest seen.
    xform.esn.value = outbound ? settings.first_sequence : settings.first_sequence - 1;
    return xform;
}

void LibrarySa::Wipe::operator()(rte_ipsec_sa* sa) const {
    explicit_bzero(static_cast<void*>(sa), size);
    std::free(sa);
}

Expected<LibrarySa> LibrarySa::create(const SaSettings& settings, Xform& xform,
                                      const OutboundHeaders* headers) {
    rte_ipsec_sa_prm parameters{};
    // The window is ours (replay_window.h); librte_ipsec needs one to tell the high half of ESNs.
    // It tells it again once a whole burst is decrypted: what is further behind an earlier packet
    // of the same burst than its window goes is taken for 2^32 later, and the SA would take nothing
    // any more. So its window is far longer than what may be swapped within a burst.
    constexpr std::uint32_t longest_swap = 1U << 16;
    const std::uint32_t window = settings.esn ? std::max(settings.replay_window, longest_swap) : 0;
    parameters.ipsec_xform = ipsec_xform(settings, xform.salt(), window);
    // Inserted by us: librte_ipsec does so in tunnel mode only, and in 22.11 with a wrong length.
    parameters.ipsec_xform.options.udp_encap = 0;
    // Ours too inbound: librte_ipsec leaves a wrong IPv4 checksum, and takes what RFC 6040 drops.
    if (settings.direction == Direction::inbound) parameters.ipsec_xform.options.ecn = 0;
    parameters.crypto_xform = xform.first();
    if (settings.mode == Mode::transport) {
        parameters.trs.proto = protocol_of(settings.local.family);
    } else {
        parameters.tun.next_proto = protocol_of(settings.inner_family);
        if (headers != nullptr) {
            parameters.tun.hdr = headers->tunnel_header().data();
            parameters.tun.hdr_len = headers->tunnel_header_length();
        }
    }
    const int size = rte_ipsec_sa_size(&parameters);
    if (size < 0)
        return failure(std::string("librte_ipsec refuses the SA: ") + rte_strerror(-size),
                       "sa " + settings.name);
    const std::size_t whole = RTE_ALIGN_CEIL(static_cast<std::size_t>(size), RTE_CACHE_LINE_SIZE);
    void* const memory = std::aligned_alloc(RTE_CACHE_LINE_SIZE, whole);
    if (memory == nullptr) return failure("out of memory", "sa " + settings.name);
    // librte_ipsec reads the type before it sets it.
    std::memset(memory, 0, whole);
    LibrarySa result;
    result.sa_ = {static_cast<rte_ipsec_sa*>(memory), Wipe{whole}};
    const int used =
        rte_ipsec_sa_init(result.get(), &parameters, static_cast<std::uint32_t>(whole));
    // It says success of an algorithm it does not know, and zeroes the SA.
    if (used < 0 || rte_ipsec_sa_type(result.get()) == 0)
        return failure("librte_ipsec cannot handle the SA", "sa " + settings.name);
    return result;
}

} // namespace sallyport::ipsec
