// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/crypto_session.h"

#include <string>

#include <rte_cryptodev.h>
#include <rte_errno.h>

namespace sallyport::ipsec {

Expected<CryptoSession> CryptoSession::create(std::uint8_t device, rte_crypto_sym_xform* xform,
                                              rte_mempool* pool) {
    CryptoSession result;
    result.device_ = device;
    rte_errno = 0;
    result.session_ = rte_cryptodev_sym_session_create(device, xform, pool);
    if (result.session_ == nullptr)
        return failure(std::string("no session: ") + rte_strerror(rte_errno),
                       std::string("crypto device ") + rte_cryptodev_name_get(device),
                       rte_errno == ENOMEM ? "raise the number of SAs there is room for" : "");
    return result;
}

CryptoSession::~CryptoSession() {
    if (session_ != nullptr) rte_cryptodev_sym_session_free(device_, session_);
}

} // namespace sallyport::ipsec
