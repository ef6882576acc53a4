// SPDX-License-Identifier: BSD-3-Clause
// The NIC's own hash for the software path, so that a flow keeps its UDP source port when the NIC
// takes it over.
#pragma once

#include "base/error.h"
#include "eswitch/flow_api.h"
#include "net/encap_entropy.h"

#include <cstddef>
#include <cstdint>

namespace sallyport::eswitch {

class NicEncapEntropy final : public net::EncapEntropy {
  public:
    /// Asks once. Control thread; the proxy's flow engine is configured, before which mlx5 crashes.
    /// An Error says why the NIC's hash cannot be had.
    /// @param flow must outlive the object
    static Expected<NicEncapEntropy> create(FlowApi& flow, std::uint16_t proxy);

    [[nodiscard]] std::uint16_t source_port(const std::uint8_t* l3, std::size_t readable,
                                            net::L3 kind) const noexcept override;

  private:
    NicEncapEntropy(FlowApi& flow, std::uint16_t proxy) : flow_(&flow), proxy_(proxy) {}

    FlowApi* flow_;
    std::uint16_t proxy_;
};

} // namespace sallyport::eswitch
