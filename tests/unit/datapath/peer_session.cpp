// SPDX-License-Identifier: BSD-3-Clause
#include "peer_session.h"

#include "ipsec/crypto_devices.h"

#include <cstring>
#include <numeric>
#include <stdexcept>

#include <rte_mbuf.h>

namespace sallyport::testing {

ipsec::CryptoDevices& test_crypto() {
    static const auto devices = ipsec::CryptoDevices::open({});
    if (!devices) throw std::runtime_error(devices.error().message());
    return **devices;
}

ipsec::SaSettings settings_of(const SaPlan& plan, ipsec::Direction direction, bool ours) {
    Octets key(ipsec::info(plan.algorithm).key_material());
    std::iota(key.begin(), key.end(), static_cast<std::uint8_t>(plan.spi));
    ipsec::SaSettings settings;
    settings.name = "test";
    settings.spi = plan.spi;
    settings.direction = direction;
    settings.algorithm = plan.algorithm;
    settings.key = ipsec::Secret(key);
    settings.mode = plan.mode;
    settings.local = vtep_address(plan.family, ours ? 1 : plan.remote);
    settings.remote = vtep_address(plan.family, ours ? plan.remote : 1);
    settings.inner_family = plan.family;
    if (plan.udp) settings.udp.emplace();
    settings.esn = plan.esn;
    settings.first_sequence = plan.first_sequence;
    settings.sequence_bound = plan.sequence_bound;
    settings.hard.packets = plan.hard_packets;
    return settings;
}

std::shared_ptr<ipsec::SaSession> session_of(const SaPlan& plan, ipsec::Direction direction,
                                             bool ours, ipsec::Engine engine,
                                             std::vector<ipsec::SecurityPort*> uplinks) {
    ipsec::EngineEnvironment environment;
    environment.devices = &test_crypto();
    environment.uplinks = std::move(uplinks);
    auto installed =
        ipsec::install_sa(settings_of(plan, direction, ours), ipsec::Offload(engine), environment);
    if (!installed) throw std::runtime_error(installed.error().message());
    return std::move(installed->session);
}

Octets through(ipsec::SaSession& peer, const Octets& octets, rte_mempool* pool) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool);
    std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(octets.size())),
                octets.data(), octets.size());
    ipsec::PacketFault fault{};
    const auto result = peer.settings().direction == ipsec::Direction::outbound
                            ? peer.protect(&packet, &fault, 1, 14)
                            : peer.unprotect(&packet, &fault, 1, 14);
    Octets out;
    if (result.good == 1)
        out.assign(rte_pktmbuf_mtod(packet, std::uint8_t*),
                   rte_pktmbuf_mtod(packet, std::uint8_t*) + packet->data_len);
    rte_pktmbuf_free(packet);
    return out;
}

Octets inner_of(const Octets& vxlan, IpFamily family) {
    const std::size_t headers = family == IpFamily::ipv4 ? 50 : 70;
    if (vxlan.size() < headers) return {};
    return {vxlan.begin() + static_cast<long>(headers), vxlan.end()};
}

} // namespace sallyport::testing
