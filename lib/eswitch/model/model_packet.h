// SPDX-License-Identifier: BSD-3-Clause
// A packet on its way through the model, with what the E-Switch carries along.
#pragma once

#include "eswitch/model/packet_layers.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <rte_meter.h>

namespace sallyport::eswitch {

/// As many as mlx5 gives names to; a NIC has fewer.
inline constexpr std::size_t tag_registers = 12;

class ModelPacket {
  public:
    /// @param settings must outlive the packet
    ModelPacket(std::uint16_t port, std::span<const std::uint8_t> octets,
                const ParserSettings& settings)
        : port_(port), octets_(octets.begin(), octets.end()), settings_(settings) {
        parse();
    }

    /// By which it came in.
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::span<const std::uint8_t> octets() const { return octets_; }
    [[nodiscard]] const PacketLayers& layers() const { return layers_; }
    [[nodiscard]] const Headers& headers(bool inner) const {
        return inner ? layers_.inner : layers_.outer;
    }
    /// Worked out when it is first asked for: it reads every octet.
    const Integrity& integrity(bool inner) {
        std::optional<Integrity>& known = integrity_[inner ? 1 : 0];
        if (!known) known = check_integrity(octets_, headers(inner));
        return *known;
    }

    /// Changes octets, not their number; parse() is to follow.
    std::span<std::uint8_t> change() { return octets_; }
    /// Takes octets off the front.
    void strip(std::size_t length) {
        octets_.erase(octets_.begin(), octets_.begin() + static_cast<std::ptrdiff_t>(length));
        parse();
    }
    /// Puts octets in front.
    void prepend(std::span<const std::uint8_t> header) {
        octets_.insert(octets_.begin(), header.begin(), header.end());
        parse();
    }
    void parse() {
        layers_ = parse_layers(octets_, settings_);
        integrity_ = {};
    }
    std::vector<std::uint8_t> release() { return std::move(octets_); }

    std::array<std::uint32_t, tag_registers> tags{};
    rte_color color = RTE_COLOR_GREEN;

  private:
    std::uint16_t port_;
    std::vector<std::uint8_t> octets_;
    const ParserSettings& settings_;
    PacketLayers layers_;
    std::array<std::optional<Integrity>, 2> integrity_;
};

} // namespace sallyport::eswitch
