// SPDX-License-Identifier: BSD-3-Clause
// The engines there are, from the best to the last resort, and what an operator may ask for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::ipsec {

enum class Engine : std::uint8_t {
    /// The NIC does all of ESP.
    inline_protocol,
    /// The NIC encrypts and decrypts, librte_ipsec does the rest.
    inline_crypto,
    /// A crypto device behind queues.
    lookaside,
    /// The worker itself.
    cpu,
};

inline constexpr std::array engines{Engine::inline_protocol, Engine::inline_crypto,
                                    Engine::lookaside, Engine::cpu};

/// As in the config's `offload`: "inline-protocol".
constexpr std::string_view to_string(Engine engine) {
    constexpr std::array<std::string_view, engines.size()> names{"inline-protocol", "inline-crypto",
                                                                 "lookaside", "cpu"};
    return names[static_cast<std::size_t>(engine)];
}

/// In the NIC of the uplinks (rte_security).
constexpr bool is_inline(Engine engine) {
    return engine == Engine::inline_protocol || engine == Engine::inline_crypto;
}

/// Absent: auto.
using Offload = std::optional<Engine>;

/// @return absent: no such word
constexpr std::optional<Offload> parse_offload(std::string_view word) {
    if (word == "auto") return Offload();
    for (const Engine engine : engines)
        if (word == to_string(engine)) return Offload(engine);
    return std::nullopt;
}

} // namespace sallyport::ipsec
