// SPDX-License-Identifier: BSD-3-Clause
#include "commands/commands.h"
#include "commands/report_json.h"

#include <algorithm>

namespace sallyport::commands {

namespace {

using shell::Align;
using shell::column;
using shell::member_text;

std::string render_all(const Json& sas) {
    static const shell::Renderer table = shell::table(
        {column("TENANT", "tenant"), column("SA", "name"), column("DIR", "direction"),
         column("SPI", "spi"), column("REMOTE VTEP", "remote_vtep"),
         column("ALGORITHM", "algorithm"), column("MODE", "mode"), column("STATE", "state"),
         column("ENGINE", "engine"), column("DEVICE", "device"),
         column("SEQUENCE", "sequence", Align::right), column("PACKETS", "packets", Align::right),
         column("BYTES", "bytes", Align::right), column("LIFETIME", "lifetime_state")},
        "no SAs");
    return table(sas);
}

/// "3600 seconds, 0 packets": those that bound it.
std::string lifetime_text(const Json& limits) {
    std::string text;
    for (const auto& [unit, bound] : limits.items())
        if (bound != 0) text += (text.empty() ? "" : ", ") + shell::value_text(bound) + " " + unit;
    return text.empty() ? "no bound" : text;
}

std::string faults_text(const Json& faults) {
    std::string text;
    for (const auto& [fault, count] : faults.items())
        if (count != 0) text += (text.empty() ? "" : ", ") + fault + " " + shell::value_text(count);
    return text.empty() ? "none" : text;
}

std::string render_one(const Json& sa) {
    const bool is_inbound = member_text(sa, "direction") == "in";
    std::vector<std::pair<std::string, std::string>> pairs{
        {"SA", member_text(sa, "name")},
        {"state", member_text(sa, "state")},
        {"direction", member_text(sa, "direction")},
        {"SPI", member_text(sa, "spi")},
        {"remote vtep", member_text(sa, "remote_vtep")},
        {"algorithm", member_text(sa, "algorithm")},
        {"key file",
         sa.at("key_file").is_null() ? "the tenant's own" : member_text(sa, "key_file")},
        {"mode", member_text(sa, "mode")},
        {"UDP encapsulation", member_text(sa, "udp_encapsulation")},
        {"engine", member_text(sa, "engine") + " by " + member_text(sa, "device")},
    };
    for (const Json& reason : sa.at("why_not_better"))
        pairs.emplace_back("not better, since", reason.get<std::string>());
    const std::vector<std::pair<std::string, std::string>> more{
        {"extended sequence", member_text(sa, "esn")},
        {is_inbound ? "newest sequence" : "next sequence", member_text(sa, "sequence")},
        {"replay window", is_inbound ? member_text(sa, "replay_window") + " packets" : ""},
        {"protected",
         member_text(sa, "packets") + " packets, " + member_text(sa, "bytes") + " bytes"},
        {"refused", faults_text(sa.at("faults"))},
        {"lifetime", member_text(sa, "lifetime_state")},
        {"soft lifetime", lifetime_text(sa.at("soft_lifetime"))},
        {"hard lifetime", lifetime_text(sa.at("lifetime"))},
    };
    pairs.insert(pairs.end(), more.begin(), more.end());
    return shell::render_pairs(pairs);
}

std::string render_of_tenant(const Json& sas) {
    std::string text;
    for (const Json& sa : sas)
        text += (text.empty() ? "" : "\n") + render_one(sa);
    return text.empty() ? "no SAs\n" : text;
}

Expected<shell::Output> show_sas(const control::Controller& controller, const std::string& tenant) {
    std::vector<control::SaReport> sas = controller.ipsec().sas;
    if (tenant.empty())
        return shell::Output{.data = array_json(sas, sa_json), .render = render_all};
    std::vector<std::string> names;
    for (const config::TenantSettings& settings : controller.settings().tenants)
        names.push_back(settings.name);
    if (std::find(names.begin(), names.end(), tenant) == names.end())
        return failure("no such tenant", "tenant " + tenant, "there are: " + name_list(names));
    std::erase_if(sas, [&](const control::SaReport& sa) { return sa.tenant != tenant; });
    return shell::Output{.data = array_json(sas, sa_json), .render = render_of_tenant};
}

std::string render_policy(const Json& tenants) {
    static const shell::Renderer table = shell::table(
        {column("TENANT", "tenant"), column("PROTECTION", "protection"),
         column("REMOTE VTEP", "address"), column("SAS OUT", "outbound_sas", Align::right),
         column("SAS IN", "inbound_sas", Align::right), column("TRAFFIC", "traffic")},
        "no tenants");
    Json rows = Json::array();
    for (const Json& tenant : tenants) {
        const Json head{{"tenant", tenant.at("tenant")}, {"protection", tenant.at("protection")}};
        const bool is_protected = member_text(tenant, "protection") == "ipsec";
        if (tenant.at("remote_vteps").empty()) rows.push_back(head);
        for (const Json& vtep : tenant.at("remote_vteps")) {
            Json& row = rows.emplace_back(head);
            row.update(vtep);
            const bool out = vtep.at("outbound_sas") != 0, in = vtep.at("inbound_sas") != 0;
            row["traffic"] = !is_protected ? "in clear"
                             : out && in   ? "in ESP"
                             : out         ? "out in ESP, in dropped"
                             : in          ? "in in ESP, out dropped"
                                           : "dropped";
        }
    }
    return table(rows);
}

std::string render_stats(const Json& stats) {
    static const shell::Renderer table =
        shell::table({column("FAULT", "fault"), column("OUT", "outbound", Align::right),
                      column("IN", "inbound", Align::right)},
                     "");
    const Json &out = stats.at("outbound"), &in = stats.at("inbound");
    Json rows = Json::array();
    // Those that leave come without one, those that arrive by none that is known.
    for (const auto& [reason, count] : stats.at("without_sa").items())
        rows.push_back({{"fault", reason}, {reason == "no-sa" ? "outbound" : "inbound", count}});
    for (const auto& [fault, count] : out.at("faults").items())
        rows.push_back(
            {{"fault", fault}, {"outbound", count}, {"inbound", in.at("faults").at(fault)}});
    std::vector<std::pair<std::string, std::string>> pairs{
        {"protected",
         member_text(out, "packets") + " packets, " + member_text(out, "bytes") + " bytes"},
        {"unprotected",
         member_text(in, "packets") + " packets, " + member_text(in, "bytes") + " bytes"}};
    for (const Json& device : stats.at("devices"))
        pairs.emplace_back("crypto device", device.get<std::string>());
    return shell::render_pairs(pairs) + '\n' + table(rows);
}

} // namespace

void add_ipsec_commands(const Context& context) {
    control::Controller& controller = context.controller;
    context.commands.add(
        "show ipsec sa", "security associations of all tenants",
        [&controller](const shell::Arguments&) { return show_sas(controller, ""); });
    context.commands.add("show ipsec sa <tenant:tenant>", "those of one tenant, with all there is",
                         [&controller](const shell::Arguments& arguments) {
                             return show_sas(controller, arguments.word("tenant"));
                         });
    context.commands.add(
        "show ipsec policy", "what is protected, and whether there are SAs for it",
        [&controller](const shell::Arguments&) -> Expected<shell::Output> {
            return shell::Output{
                .data = ipsec_policy_json(controller.settings().tenants, controller.ipsec()),
                .render = render_policy};
        });
    context.commands.add("show ipsec stats", "packets through ESP, and those refused by fault",
                         [&controller](const shell::Arguments&) -> Expected<shell::Output> {
                             return shell::Output{
                                 .data = ipsec_stats_json(controller.ipsec(), controller.drops()),
                                 .render = render_stats};
                         });
    context.commands.add("ipsec rekey <tenant:tenant>",
                         "replace a tenant's SAs by those of its file, without a gap",
                         [&controller](const shell::Arguments& arguments) {
                             return done(controller.rekey(arguments.word("tenant")));
                         });
}

} // namespace sallyport::commands
