// SPDX-License-Identifier: BSD-3-Clause
#include "ipsec/engine_choice.h"

#include "ipsec/cpu_engine.h"
#include "ipsec/inline_engine.h"
#include "ipsec/lookaside_engine.h"

#include <algorithm>

#include <rte_cryptodev.h>

namespace sallyport::ipsec {

namespace {

using Device = Expected<std::string>;

/// Why inline protocol does not serve an SA of several uplinks; empty: it does.
std::string lack_of_protocol(Offload offload, const SaSettings& settings,
                             const EngineEnvironment& environment) {
    if (environment.uplinks.size() > 1 && settings.direction == Direction::outbound)
        return "each uplink's NIC would count sequence numbers of its own";
    if (environment.uplinks.size() > 1 && settings.esn)
        return "after a failover the other uplink's NIC would not know the high half of extended "
               "sequence numbers";
    // One peer could wrap another's ESP: opened by inline protocol, it would pass for decrypted.
    if (!offload && settings.direction == Direction::inbound
        && std::any_of(environment.uplinks.begin(), environment.uplinks.end(),
                       [](const SecurityPort* port) { return decrypts_inline(*port); }))
        return "not beside inline-crypto, which the NIC does too, unless it is demanded for all";
    return "";
}

Device inline_device(Engine engine, Offload offload, const SaSettings& settings,
                     const EngineEnvironment& environment) {
    if (environment.uplinks.empty()) return failure("there is no uplink");
    std::string names;
    for (const SecurityPort* const port : environment.uplinks) {
        // On all, or the SA would not survive a failover.
        const SecurityOffer offer = find_offer(*port, engine, settings);
        if (offer.capability == nullptr) return failure(offer.reason);
        names += (names.empty() ? "" : ", ") + port->name();
    }
    if (engine == Engine::inline_protocol)
        if (std::string lack = lack_of_protocol(offload, settings, environment); !lack.empty())
            return failure(std::move(lack));
    return names;
}

Device crypto_device(Engine engine, Offload offload, const SaSettings& settings,
                     const EngineEnvironment& environment) {
    if (environment.devices == nullptr) return failure("there are no crypto devices");
    // Unasked, queues are worth it in front of hardware only.
    const auto device =
        engine == Engine::cpu
            ? environment.devices->cpu_device(settings.algorithm)
            : environment.devices->lookaside_device(settings.algorithm, offload.has_value());
    if (!device) return tl::unexpected(device.error());
    return std::string(rte_cryptodev_name_get(*device));
}

Device device_for(Engine engine, Offload offload, const SaSettings& settings,
                  const EngineEnvironment& environment) {
    return is_inline(engine) ? inline_device(engine, offload, settings, environment)
                             : crypto_device(engine, offload, settings, environment);
}

Expected<std::unique_ptr<EspEngine>> make_engine(Engine engine, Offload offload,
                                                 const SaSettings& settings,
                                                 const EngineEnvironment& environment) {
    const OutboundHeaders headers(settings, scratch_of(info(settings.algorithm)));
    const OutboundHeaders* const tunnel =
        settings.direction == Direction::outbound && settings.mode == Mode::tunnel ? &headers
                                                                                   : nullptr;
    if (engine == Engine::cpu) return make_cpu_engine(settings, *environment.devices, tunnel);
    if (is_inline(engine)) return make_inline_engine(engine, settings, environment.uplinks, tunnel);
    const auto device =
        environment.devices->lookaside_device(settings.algorithm, offload.has_value());
    if (!device) return tl::unexpected(device.error());
    return make_lookaside_engine(settings, *environment.devices, *device, environment.worker,
                                 tunnel);
}

std::string sentence(Engine engine, const Error& error) {
    return std::string(to_string(engine)) + ": " + error.message();
}

/// Tries engines from the best on. @param make called with each that is possible; its failure
/// counts as one more reason
template<class Make>
Expected<EngineChoice> try_engines(Offload offload, const SaSettings& settings,
                                   const EngineEnvironment& environment, Make make) {
    EngineChoice choice;
    for (const Engine engine : engines) {
        if (offload && *offload != engine) continue;
        Device device = device_for(engine, offload, settings, environment);
        if (device) {
            const Expected<void> made = make(engine);
            if (made) {
                choice.engine = engine;
                choice.device = std::move(*device);
                return choice;
            }
            device = tl::unexpected(made.error());
        }
        choice.reasons.push_back(sentence(engine, device.error()));
    }
    std::string all;
    for (const std::string& reason : choice.reasons)
        all += (all.empty() ? "" : "; ") + reason;
    return failure(offload ? "the engine that is demanded is not to be had: " + all
                           : "no engine for this SA: " + all,
                   "sa " + settings.name, offload ? "or set offload = auto" : "");
}

} // namespace

Expected<InstalledSa> install_sa(SaSettings settings, Offload offload,
                                 const EngineEnvironment& environment) {
    if (auto valid = validate(settings); !valid) return tl::unexpected(valid.error());
    std::unique_ptr<EspEngine> installed;
    auto choice = try_engines(offload, settings, environment, [&](Engine engine) -> Expected<void> {
        auto made = make_engine(engine, offload, settings, environment);
        if (!made) return tl::unexpected(made.error());
        installed = std::move(*made);
        return {};
    });
    if (!choice) return tl::unexpected(choice.error());
    return InstalledSa{std::make_unique<SaSession>(std::move(settings), std::move(installed)),
                       std::move(*choice)};
}

} // namespace sallyport::ipsec
