// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/error.h"
#include "ipsec/esp_headers.h"
#include "ipsec/sa.h"
#include "ipsec/xform.h"

#include <cstddef>
#include <cstdint>
#include <memory>

#include <rte_security.h>

struct rte_ipsec_sa;

namespace sallyport::ipsec {

/// Octets of scratch that librte_ipsec writes behind the ICV: the AAD of an AEAD.
constexpr std::uint8_t scratch_of(const AlgorithmInfo& suite) {
    return suite.is_aead() ? 16 : 0;
}

/// The SA in the form that rte_security and librte_ipsec share. The replay window is that which the
/// device shall keep.
rte_security_ipsec_xform ipsec_xform(const SaSettings& settings, std::uint32_t salt,
                                     std::uint32_t replay_window);

/// librte_ipsec's SA, in memory that is zeroed before and wiped after. Made by the control thread;
/// then one worker's, and all its sessions count sequence numbers together.
class LibrarySa {
  public:
    /// @param headers of an outbound SA in tunnel mode; else null
    static Expected<LibrarySa> create(const SaSettings& settings, Xform& xform,
                                      const OutboundHeaders* headers);

    [[nodiscard]] rte_ipsec_sa* get() const { return sa_.get(); }

  private:
    struct Wipe {
        std::size_t size;
        void operator()(rte_ipsec_sa* sa) const;
    };
    std::unique_ptr<rte_ipsec_sa, Wipe> sa_;
};

} // namespace sallyport::ipsec
