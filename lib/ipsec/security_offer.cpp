// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/security_port.h"

#include <algorithm>
#include <span>

#include <rte_cryptodev.h>

struct rte_security_ctx;

namespace sallyport::ipsec {

namespace {

std::span<const rte_security_capability> capabilities_of(void* context) {
    const rte_security_capability* const first =
        rte_security_capabilities_get(static_cast<rte_security_ctx*>(context));
    std::size_t count = 0;
    while (first != nullptr && first[count].action != RTE_SECURITY_ACTION_TYPE_NONE)
        ++count;
    return {first, count};
}

bool is_about(const rte_security_capability& capability, Engine engine,
              const SaSettings& settings) {
    return capability.action
               == (engine == Engine::inline_protocol ? RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL
                                                     : RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO)
           && capability.protocol == RTE_SECURITY_PROTOCOL_IPSEC
           && capability.ipsec.proto == RTE_SECURITY_IPSEC_SA_PROTO_ESP
           && capability.ipsec.mode
                  == (settings.mode == Mode::tunnel ? RTE_SECURITY_IPSEC_SA_MODE_TUNNEL
                                                    : RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT)
           && capability.ipsec.direction
                  == (settings.direction == Direction::outbound
                          ? RTE_SECURITY_IPSEC_SA_DIR_EGRESS
                          : RTE_SECURITY_IPSEC_SA_DIR_INGRESS);
}

bool has_symmetric(const rte_cryptodev_capabilities* list, const AlgorithmInfo& suite,
                   rte_crypto_sym_xform_type type, std::uint16_t aad) {
    for (; list != nullptr && list->op != RTE_CRYPTO_OP_TYPE_UNDEFINED; ++list) {
        if (list->op != RTE_CRYPTO_OP_TYPE_SYMMETRIC || list->sym.xform_type != type) continue;
        const rte_cryptodev_symmetric_capability& one = list->sym;
        if (type == RTE_CRYPTO_SYM_XFORM_AEAD && one.aead.algo == suite.aead
            && rte_cryptodev_sym_capability_check_aead(
                   &one, suite.cipher_key, suite.icv, aad,
                   static_cast<std::uint16_t>(suite.salt + suite.iv))
                   == 0)
            return true;
        if (type == RTE_CRYPTO_SYM_XFORM_CIPHER && one.cipher.algo == suite.cipher
            && rte_cryptodev_sym_capability_check_cipher(&one, suite.cipher_key, suite.iv) == 0)
            return true;
        if (type == RTE_CRYPTO_SYM_XFORM_AUTH && one.auth.algo == suite.authentication
            && rte_cryptodev_sym_capability_check_auth(&one, suite.authentication_key, suite.icv, 0)
                   == 0)
            return true;
    }
    return false;
}

bool has_algorithm(const rte_security_capability& capability, const SaSettings& settings) {
    const AlgorithmInfo& suite = info(settings.algorithm);
    const rte_cryptodev_capabilities* const list = capability.crypto_capabilities;
    if (suite.is_aead())
        return has_symmetric(list, suite, RTE_CRYPTO_SYM_XFORM_AEAD, settings.esn ? 12 : 8);
    return has_symmetric(list, suite, RTE_CRYPTO_SYM_XFORM_CIPHER, 0)
           && has_symmetric(list, suite, RTE_CRYPTO_SYM_XFORM_AUTH, 0);
}

/// What a capability of the right kind lacks; empty: nothing.
std::string lack(const rte_security_capability& capability, Engine engine,
                 const SaSettings& settings) {
    if (!has_algorithm(capability, settings))
        return "no " + std::string(to_string(settings.algorithm));
    if (settings.esn && capability.ipsec.options.esn == 0) return "no extended sequence numbers";
    if (settings.udp && capability.ipsec.options.udp_encap == 0) return "no UDP encapsulation";
    // With inline crypto headers, trailer and window are librte_ipsec's and ours.
    if ((capability.ol_flags
         & (RTE_SECURITY_TX_HW_TRAILER_OFFLOAD | RTE_SECURITY_RX_HW_TRAILER_OFFLOAD))
            != 0
        && engine == Engine::inline_crypto)
        return "the NIC handles the ESP trailer itself, which is not supported";
    if (engine == Engine::inline_crypto && settings.udp && settings.local.is_ipv6()
        && settings.direction == Direction::outbound)
        return "no UDP encapsulation over IPv6: its checksum covers what the NIC has yet to "
               "encrypt";
    if (engine == Engine::inline_crypto) return "";
    if (settings.direction == Direction::inbound
        && capability.ipsec.replay_win_sz_max < settings.replay_window)
        return "a replay window of at most " + std::to_string(capability.ipsec.replay_win_sz_max)
               + " packets";
    if (settings.direction == Direction::outbound && settings.first_sequence != 1)
        return "no promise to start at a sequence number other than 1";
    if (settings.mode == Mode::tunnel && capability.ipsec.options.ecn == 0)
        return "no ECN in tunnels (RFC 6040)";
    return "";
}

} // namespace

SecurityOffer find_offer(const SecurityPort& port, Engine engine, const SaSettings& settings) {
    const std::string where = port.name() + ": ";
    const auto context = port.context();
    if (!context) return {nullptr, where + context.error().message()};
    std::string reason = "no " + std::string(to_string(engine)) + " of "
                         + std::string(to_string(settings.direction)) + " ESP in "
                         + std::string(to_string(settings.mode)) + " mode";
    for (const rte_security_capability& capability : capabilities_of(*context)) {
        if (!is_about(capability, engine, settings)) continue;
        reason = lack(capability, engine, settings);
        if (reason.empty()) return {&capability, ""};
    }
    return {nullptr, where + reason};
}

bool decrypts_inline(const SecurityPort& port) {
    const auto context = port.context();
    if (!context) return false;
    const auto capabilities = capabilities_of(*context);
    return std::any_of(capabilities.begin(), capabilities.end(), [](const auto& capability) {
        return capability.action == RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO
               && capability.protocol == RTE_SECURITY_PROTOCOL_IPSEC
               && capability.ipsec.direction == RTE_SECURITY_IPSEC_SA_DIR_INGRESS;
    });
}

} // namespace sallyport::ipsec
