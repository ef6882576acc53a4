// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"
#include "ipsec/xform.h"

#include <cstdint>
#include <utility>

struct rte_mempool;

namespace sallyport::ipsec {

/// A session of a crypto device; DPDK zeroes it when it goes. Control thread.
class CryptoSession {
  public:
    /// @param pool of sessions, large enough for the device's; must outlive the session
    static Expected<CryptoSession> create(std::uint8_t device, rte_crypto_sym_xform* xform,
                                          rte_mempool* pool);
    CryptoSession() = default;
    ~CryptoSession();
    CryptoSession(CryptoSession&& other) noexcept
        : device_(other.device_), session_(std::exchange(other.session_, nullptr)) {}
    CryptoSession& operator=(CryptoSession&& other) noexcept {
        std::swap(device_, other.device_);
        std::swap(session_, other.session_);
        return *this;
    }
    CryptoSession(const CryptoSession&) = delete;
    CryptoSession& operator=(const CryptoSession&) = delete;

    [[nodiscard]] std::uint8_t device() const { return device_; }
    /// Of type rte_cryptodev_sym_session; null: none.
    [[nodiscard]] void* get() const { return session_; }

  private:
    std::uint8_t device_ = 0;
    void* session_ = nullptr;
};

} // namespace sallyport::ipsec
