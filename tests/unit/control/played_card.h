// SPDX-License-Identifier: BSD-3-Clause
// A card of DPDK's in-memory ports, with a model for its E-Switch.
#pragma once

#include "control/nic.h"
#include "eswitch/model/model_flow_api.h"

#include <memory>
#include <string>
#include <vector>

namespace sallyport::control::fakes {

/// To outlive the controller.
class PlayedCard {
  public:
    PlayedCard();
    ~PlayedCard();

    /// @param vfs of pf0 that exist
    NicBackend backend(unsigned vfs);
    eswitch::ModelFlowApi& model() { return *model_; }
    /// DPDK port id of "pf0", "pf1", "pf0vf0" and so on; of one that is open.
    [[nodiscard]] std::uint16_t port(const std::string& function) const;

  private:
    class Ports;
    std::shared_ptr<eswitch::ModelFlowApi> model_;
};

} // namespace sallyport::control::fakes
