// SPDX-License-Identifier: BSD-3-Clause
#include "support/fake_nic.h"

#include "ipsec/cpu_crypto.h"
#include "ipsec/crypto_session.h"
#include "net/outer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rte_cryptodev.h>

namespace sallyport::testing {

using ipsec::Direction;
using ipsec::Mode;

namespace {

FakeNic& nic(void* device) {
    return *static_cast<FakeNic*>(device);
}

rte_cryptodev_capabilities gcm() {
    rte_cryptodev_capabilities capability{};
    capability.op = RTE_CRYPTO_OP_TYPE_SYMMETRIC;
    capability.sym.xform_type = RTE_CRYPTO_SYM_XFORM_AEAD;
    capability.sym.aead.algo = RTE_CRYPTO_AEAD_AES_GCM;
    capability.sym.aead.block_size = 16;
    capability.sym.aead.key_size = {16, 16, 0};
    capability.sym.aead.digest_size = {16, 16, 0};
    capability.sym.aead.aad_size = {8, 12, 4};
    capability.sym.aead.iv_size = {12, 12, 0};
    return capability;
}

const rte_cryptodev_capabilities* ciphers() {
    static const rte_cryptodev_capabilities list[] = {gcm(), {}};
    return list;
}

} // namespace

FakeNic::FakeNic(std::string name) : name_(std::move(name)) {
    ops_.session_create = create;
    ops_.session_destroy = destroy;
    ops_.session_get_size = size;
    ops_.set_pkt_metadata = set_metadata;
    ops_.capabilities_get = list;
    context_.device = this;
    context_.ops = &ops_;
    capabilities_.push_back({});
    EXPECT_GE(rte_security_dynfield_register(), 0);
}

FakeNic::~FakeNic() {
    EXPECT_TRUE(sessions.empty()) << "sessions left in the NIC";
    EXPECT_TRUE(steered_spis.empty()) << "rules left in the NIC";
}

Expected<void*> FakeNic::context() const {
    if (capabilities_.size() == 1) return failure("its driver has no IPsec");
    return &context_;
}

Expected<void*> FakeNic::steer(const ipsec::SaSettings& settings, void* session) {
    if (refuses_rules) return failure("no more rules", name_);
    EXPECT_EQ(session, sessions.back().handle);
    steered_spis.push_back(settings.spi);
    return session;
}

void FakeNic::unsteer(void* handle) {
    EXPECT_TRUE(std::any_of(sessions.begin(), sessions.end(), [&](const NicSession& session) {
        return session.handle == handle;
    })) << "the rule goes before its session";
    steered_spis.pop_back();
}

rte_security_capability& FakeNic::offer(rte_security_session_action_type action, Mode mode,
                                        Direction direction) {
    rte_security_capability capability{};
    capability.action = action;
    capability.protocol = RTE_SECURITY_PROTOCOL_IPSEC;
    capability.ipsec.proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP;
    capability.ipsec.mode = mode == Mode::tunnel ? RTE_SECURITY_IPSEC_SA_MODE_TUNNEL
                                                 : RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT;
    capability.ipsec.direction = direction == Direction::outbound
                                     ? RTE_SECURITY_IPSEC_SA_DIR_EGRESS
                                     : RTE_SECURITY_IPSEC_SA_DIR_INGRESS;
    capability.crypto_capabilities = ciphers();
    capability.ol_flags = RTE_SECURITY_TX_OLOAD_NEED_MDATA;
    capabilities_.insert(capabilities_.end() - 1, capability);
    return capabilities_[capabilities_.size() - 2];
}

const rte_security_capability* FakeNic::matching(const rte_security_session_conf& conf) {
    for (const rte_security_capability& one : capabilities_) {
        const rte_security_ipsec_sa_options &can = one.ipsec.options, &wanted = conf.ipsec.options;
        if (one.action == conf.action_type && one.protocol == conf.protocol
            && one.ipsec.proto == conf.ipsec.proto && one.ipsec.mode == conf.ipsec.mode
            && one.ipsec.direction == conf.ipsec.direction && can.esn >= wanted.esn
            && can.udp_encap >= wanted.udp_encap && can.ecn >= wanted.ecn
            && can.copy_dscp >= wanted.copy_dscp
            && one.ipsec.replay_win_sz_max >= conf.ipsec.replay_win_sz)
            return &one;
    }
    return nullptr;
}

int FakeNic::create(void* device, rte_security_session_conf* conf, rte_security_session* session) {
    FakeNic& self = nic(device);
    if (self.table_full) return -ENOSPC;
    const rte_crypto_sym_xform* const xform = conf->crypto_xform;
    if (self.matching(*conf) == nullptr || xform == nullptr || xform->next != nullptr
        || xform->type != RTE_CRYPTO_SYM_XFORM_AEAD || xform->aead.algo != RTE_CRYPTO_AEAD_AES_GCM
        || xform->aead.key.length != 16)
        return -ENOTSUP;
    NicSession kept;
    kept.handle = session;
    kept.action = conf->action_type;
    kept.protocol = conf->protocol;
    kept.ipsec = conf->ipsec;
    kept.xform = *xform;
    kept.key.assign(xform->aead.key.data, xform->aead.key.data + xform->aead.key.length);
    kept.userdata = conf->userdata;
    self.sessions.push_back(kept);
    return 0;
}

int FakeNic::destroy(void* device, rte_security_session* session) {
    return std::erase_if(nic(device).sessions,
                         [&](const NicSession& kept) { return kept.handle == session; })
                   == 1
               ? 0
               : -EINVAL;
}

unsigned FakeNic::size(void*) {
    return 200;
}

int FakeNic::set_metadata(void* device, rte_security_session* session, rte_mbuf* packet, void*) {
    if (nic(device).refuses_metadata) return -EINVAL;
    *rte_security_dynfield(packet) = reinterpret_cast<std::uintptr_t>(session);
    return 0;
}

const rte_security_capability* FakeNic::list(void* device) {
    return nic(device).capabilities_.data();
}

namespace {

/// The cipher's part of ESP in a frame.
bool run(const NicSession& session, const ipsec::CryptoDevices& devices, rte_mbuf* packet) {
    std::uint8_t* const frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    const bool ipv4 = frame[14] >> 4 == 4;
    const std::size_t udp = frame[ipv4 ? 23 : 20] == 17 ? 8 : 0;
    std::uint8_t* const esp = frame + 14 + (ipv4 ? 20 : 40) + udp;
    std::uint8_t* const end = frame + packet->data_len;
    const auto esn = static_cast<std::uint32_t>(session.ipsec.esn.value >> 32);
    alignas(16) std::array<std::uint8_t, 16> nonce{}, aad{};
    std::memcpy(nonce.data(), &session.ipsec.salt, 4);
    std::memcpy(&nonce[4], esp + 8, 8);
    nonce[15] = 1;
    std::memcpy(aad.data(), esp, 4);
    if (session.ipsec.options.esn != 0)
        for (unsigned i = 0; i < 4; ++i)
            aad[4 + i] = static_cast<std::uint8_t>(esn >> (24 - 8 * i));
    std::memcpy(&aad[session.ipsec.options.esn != 0 ? 8 : 4], esp + 4, 4);
    rte_crypto_sym_xform xform = session.xform;
    xform.aead.key.data = session.key.data();
    const auto crypto_session = ipsec::CryptoSession::create(
        *devices.cpu_device(ipsec::Algorithm::aes_128_gcm), &xform, devices.session_pool());
    return crypto_session
           && ipsec::run_on_cpu(*crypto_session, {std::span(esp + 16, end - 16), 0, nonce.data(),
                                                  aad.data(), end - 16});
}

} // namespace

const NicSession* FakeNic::session_of(rte_mbuf* packet) const {
    if ((packet->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD) == 0) return nullptr;
    for (const NicSession& session : sessions)
        if (reinterpret_cast<std::uintptr_t>(session.handle) == *rte_security_dynfield(packet)
            && session.ipsec.direction == RTE_SECURITY_IPSEC_SA_DIR_EGRESS)
            return &session;
    return nullptr;
}

const NicSession& FakeNic::inbound_session(std::uint32_t spi) const {
    const auto found = std::find_if(sessions.begin(), sessions.end(), [&](const auto& session) {
        return session.ipsec.spi == spi
               && session.ipsec.direction == RTE_SECURITY_IPSEC_SA_DIR_INGRESS;
    });
    if (found == sessions.end()) throw std::runtime_error(name_ + " has no such inbound session");
    return *found;
}

void FakeNic::transmit(rte_mbuf* packet, const ipsec::CryptoDevices& devices) const {
    if ((packet->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD) == 0) return;
    const NicSession* const session = session_of(packet);
    ASSERT_NE(session, nullptr) << "metadata of another NIC";
    EXPECT_TRUE(run(*session, devices, packet));
}

void FakeNic::receive(rte_mbuf* packet, const ipsec::CryptoDevices& devices) const {
    const net::Outer outer = net::parse_outer(rte_pktmbuf_mtod(packet, const std::uint8_t*),
                                              packet->data_len, packet->pkt_len);
    packet->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD;
    if (!run(inbound_session(outer.spi), devices, packet))
        packet->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
}

void FakeNic::open_whole(rte_mbuf* packet, std::uint32_t spi, bool well) const {
    packet->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD;
    if (!well) packet->ol_flags |= RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED;
    *rte_security_dynfield(packet) =
        reinterpret_cast<std::uintptr_t>(inbound_session(spi).userdata);
}

} // namespace sallyport::testing
