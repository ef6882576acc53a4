// SPDX-License-Identifier: BSD-3-Clause
#include "commands/report_json.h"

#include <fmt/format.h>

namespace sallyport::commands {

namespace {

Json lifetime_json(const ipsec::LifetimeLimits& limits) {
    return {{"seconds", limits.seconds}, {"bytes", limits.octets}, {"packets", limits.packets}};
}

const char* text_of(ipsec::Lifetime lifetime) {
    switch (lifetime) {
    case ipsec::Lifetime::soft:
        return "soft";
    case ipsec::Lifetime::hard:
        return "over";
    case ipsec::Lifetime::fresh:
        break;
    }
    return "fresh";
}

Json faults_json(const control::FaultCounts& faults) {
    Json json = Json::object();
    for (std::size_t i = 0; i < faults.size(); ++i)
        json[std::string(ipsec::name(static_cast<ipsec::PacketFault>(i)))] = faults[i];
    return json;
}

Json totals_json(const control::SaTotals& totals) {
    return {{"packets", totals.packets},
            {"bytes", totals.octets},
            {"faults", faults_json(totals.faults)}};
}

bool is_inbound(const config::SaSettings& sa) {
    return sa.direction == ipsec::Direction::inbound;
}

} // namespace

Json sa_settings_json(const config::SaSettings& sa) {
    return {{"name", sa.name},
            {"direction", is_inbound(sa) ? "in" : "out"},
            {"remote_vtep", sa.remote_vtep.to_string()},
            {"spi", fmt::format("0x{:08x}", sa.spi)},
            {"algorithm", std::string(ipsec::to_string(sa.algorithm))},
            {"key_file", sa.key_inline ? Json() : Json(sa.key_file.string())},
            {"mode", std::string(ipsec::to_string(sa.mode))},
            {"esn", sa.esn},
            {"replay_window", is_inbound(sa) ? Json(sa.replay_window) : Json()},
            {"udp_encapsulation", sa.udp_encapsulation},
            {"lifetime", lifetime_json(sa.hard)},
            {"soft_lifetime", lifetime_json(sa.soft)}};
}

Json sa_json(const control::SaReport& sa) {
    Json json{{"tenant", sa.tenant}};
    json.update(sa_settings_json(sa.settings));
    json.update(Json{{"state", std::string(control::to_string(sa.state))},
                     {"engine", std::string(ipsec::to_string(sa.choice.engine))},
                     {"device", sa.choice.device},
                     {"why_not_better", sa.choice.reasons},
                     {"sequence", sa.sequence},
                     {"lifetime_state", text_of(sa.lifetime)}});
    json.update(totals_json(sa.totals));
    return json;
}

Json ipsec_policy_json(const std::vector<config::TenantSettings>& tenants,
                       const control::IpsecReport& report) {
    // By tenant, address and direction; those that only wait for their end do not count.
    std::map<std::tuple<std::string, net::IpAddress, bool>, std::size_t> sas;
    for (const control::SaReport& sa : report.sas)
        if (sa.state == control::SaState::active)
            ++sas[{sa.tenant, sa.settings.remote_vtep, is_inbound(sa.settings)}];
    return array_json(tenants, [&](const config::TenantSettings& tenant) -> Json {
        return {{"tenant", tenant.name},
                {"protection", tenant.is_protected ? "ipsec" : "none"},
                {"remote_vteps",
                 array_json(tenant.remote_vteps, [&](const net::IpAddress& address) -> Json {
                     return {{"address", address.to_string()},
                             {"outbound_sas", sas[{tenant.name, address, false}]},
                             {"inbound_sas", sas[{tenant.name, address, true}]}};
                 })}};
    });
}

Json ipsec_stats_json(const control::IpsecReport& report, const datapath::DropCounts& drops) {
    Json without = Json::object();
    for (const auto reason : {datapath::DropReason::no_sa, datapath::DropReason::clear_text,
                              datapath::DropReason::unknown_spi})
        without[std::string(datapath::name(reason))] = drops[static_cast<std::size_t>(reason)];
    return {{"outbound", totals_json(report.outbound)},
            {"inbound", totals_json(report.inbound)},
            {"without_sa", std::move(without)},
            {"devices", report.devices}};
}

} // namespace sallyport::commands
