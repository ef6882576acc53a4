// SPDX-License-Identifier: BSD-3-Clause
// The card of "eswitch = mlx5", from its probing to its rules.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "datapath/port.h"
#include "eswitch/bring_up/bring_up.h"
#include "eswitch/bring_up/devlink_reader.h"
#include "eswitch/flow_api.h"
#include "eswitch/hardware_path.h"
#include "eswitch/nic_encap_entropy.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace sallyport::control {

/// What stands between us and the card.
struct NicBackend {
    std::unique_ptr<eswitch::NicPorts> ports;
    std::unique_ptr<eswitch::FlowApi> flow;
    /// Null: the host is not looked at.
    std::unique_ptr<eswitch::DevlinkReader> devlink;
};
NicBackend dpdk_nic_backend();

/// Control thread. Ports of the card are opened by PortSet, with steps() among their own: the
/// uplinks first, then start_path(), then vm ports. On the way down: vm ports are closed,
/// end_path(), the uplinks are closed, and the object goes.
class Nic {
  public:
    /// Probes the card with the VFs that the tenants' files name.
    static Expected<std::unique_ptr<Nic>> open(const config::Settings& settings,
                                               NicBackend backend);
    Nic(const Nic&) = delete;
    Nic& operator=(const Nic&) = delete;

    /// DPDK's name of what the settings call "pf0" or "pf0vf3", probed if it has to be. Absent: the
    /// device is none of the card's.
    Expected<std::optional<std::string>> device_name(const std::string& device);
    [[nodiscard]] datapath::PortSteps& steps() { return steps_; }

    /// Makes templates, tables and the hardware path, and asks for the NIC's UDP source ports. The
    /// uplinks are started.
    Expected<void> start_path();
    /// Destroys them, and all rules.
    void end_path() { path_.reset(); }
    /// Null before start_path() and after end_path().
    [[nodiscard]] eswitch::HardwarePath* path() { return path_ ? &*path_ : nullptr; }
    [[nodiscard]] const eswitch::HardwarePath* path() const { return path_ ? &*path_ : nullptr; }
    [[nodiscard]] std::uint16_t proxy() const { return card_->proxy(); }
    /// What a port of DPDK's stands for; absent where it is none of the card's.
    [[nodiscard]] std::optional<net::CardFunction> function_of(std::uint16_t port) const {
        return card_->function_of(port);
    }
    /// The NIC's UDP source ports, or why they cannot be had. After start_path(), for the rest of
    /// the object's life; to be asked until the uplinks are closed.
    [[nodiscard]] const Expected<eswitch::NicEncapEntropy>& encap_entropy() const {
        return encap_entropy_;
    }

  private:
    class Steps final : public datapath::PortSteps {
      public:
        explicit Steps(Nic& nic) : nic_(nic) {}
        Expected<void> before_start(std::uint16_t port) override;
        void before_stop(std::uint16_t port) override;
        void after_stop(std::uint16_t port) override;
        void closed(std::uint16_t port) override;

      private:
        Nic& nic_;
    };

    Nic(const config::Settings& settings, NicBackend backend);
    /// Says all that is wrong with the host; fails with the first of it.
    Expected<void> check_host(const net::PciAddress& pci, const std::set<net::CardFunction>& vfs);

    eswitch::Settings path_settings_;
    std::uint32_t flow_queue_size_;
    NicBackend backend_;
    std::unique_ptr<eswitch::NicBringUp> card_;
    std::optional<eswitch::HardwarePath> path_;
    Expected<eswitch::NicEncapEntropy> encap_entropy_ = failure("not asked yet");
    Steps steps_;
};

} // namespace sallyport::control
