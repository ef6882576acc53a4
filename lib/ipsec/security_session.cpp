// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/library_sa.h"
#include "ipsec/security_port.h"

#include <atomic>

#include <rte_errno.h>
#include <rte_mempool.h>
#include <string.h>

struct rte_security_ctx;

namespace sallyport::ipsec {

namespace {

rte_security_ctx* typed(void* context) {
    return static_cast<rte_security_ctx*>(context);
}

/// A pool for one session: the size differs from driver to driver, and SAs are few.
rte_mempool* make_pool(unsigned size) {
    static std::atomic<unsigned> instances{0};
    const std::string name = "ipsec_inline" + std::to_string(instances++);
    return rte_mempool_create(name.c_str(), 1, size, 0, 0, nullptr, nullptr, nullptr, nullptr,
                              SOCKET_ID_ANY, 0);
}

rte_security_session_conf configuration(Engine engine, const SaSettings& settings,
                                        const rte_security_capability& capability, Xform& xform) {
    const bool whole = engine == Engine::inline_protocol;
    rte_security_session_conf conf{};
    conf.action_type =
        whole ? RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL : RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO;
    conf.protocol = RTE_SECURITY_PROTOCOL_IPSEC;
    conf.ipsec = ipsec_xform(settings, xform.salt(), whole ? settings.replay_window : 0);
    if (whole) {
        conf.ipsec.life.packets_soft_limit = settings.soft.packets;
        conf.ipsec.life.packets_hard_limit = settings.hard.packets;
        conf.ipsec.life.bytes_soft_limit = settings.soft.octets;
        conf.ipsec.life.bytes_hard_limit = settings.hard.octets;
    } else {
        // Done by librte_ipsec and us; a driver must not be asked for what it need not do.
        conf.ipsec.options.ecn = 0;
    }
    if (capability.ipsec.options.copy_dscp == 0 || !whole) conf.ipsec.options.copy_dscp = 0;
    conf.crypto_xform = xform.first();
    // A number, not a pointer: packets may come after the SA has gone.
    conf.userdata = reinterpret_cast<void*>(std::uintptr_t{settings.spi});
    return conf;
}

} // namespace

Expected<std::unique_ptr<SecuritySession>>
SecuritySession::create(SecurityPort& port, Engine engine, const SaSettings& settings) {
    const SecurityOffer offer = find_offer(port, engine, settings);
    const std::string where = "sa " + settings.name;
    if (offer.capability == nullptr) return failure(offer.reason, where);
    std::unique_ptr<SecuritySession> result(new SecuritySession(port, *port.context()));
    result->needs_metadata_ = (offer.capability->ol_flags & RTE_SECURITY_TX_OLOAD_NEED_MDATA) != 0;
    result->pool_ = make_pool(rte_security_session_get_size(typed(result->context_)));
    if (result->pool_ == nullptr)
        return failure(std::string("no memory for a session: ") + rte_strerror(rte_errno), where);
    Xform xform(settings.algorithm, settings.direction, settings.key, settings.esn, 0);
    rte_security_session_conf conf = configuration(engine, settings, *offer.capability, xform);
    result->session_ = rte_security_session_create(typed(result->context_), &conf, result->pool_);
    if (result->session_ == nullptr)
        return failure(port.name() + " refuses a session it says it can have", where,
                       "see the driver's log; its table of SAs may be full");
    if (settings.direction == Direction::outbound) return result;
    auto rule = port.steer(settings, result->session_);
    if (!rule) return tl::unexpected(rule.error());
    result->rule_ = *rule;
    return result;
}

SecuritySession::~SecuritySession() {
    if (rule_ != nullptr) port_.unsteer(rule_);
    if (session_ != nullptr) rte_security_session_destroy(typed(context_), session_);
    // Not every driver wipes the key that it kept there.
    if (pool_ != nullptr)
        rte_mempool_obj_iter(
            pool_,
            [](rte_mempool* pool, void*, void* object, unsigned) {
                explicit_bzero(object, pool->elt_size);
            },
            nullptr);
    rte_mempool_free(pool_);
}

} // namespace sallyport::ipsec
