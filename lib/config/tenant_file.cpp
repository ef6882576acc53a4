// SPDX-License-Identifier: BSD-3-Clause
#include "config/tenant_file.h"

#include "config/sa_section.h"
#include "config/values.h"
#include "ipsec/esp_overhead.h"
#include "net/overhead.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <spdlog/fmt/fmt.h>

namespace sallyport::config {

namespace {

constexpr auto tenant_forms = joined(std::to_array<KeyForm>({
                                         {"name"},
                                         {"vni"},
                                         {"local_vtep"},
                                         {"udp_port"},
                                         {"mtu"},
                                         {"learning"},
                                         {"flooding"},
                                         {"inner_vlan"},
                                         {"protection"},
                                         {"ageing_time"},
                                         {"max_learned"},
                                         {"remote_vtep", true},
                                         {"fdb", true},
                                         {"vm_port.*.device"},
                                         {"vm_port.*.mac", true},
                                         {"vm_port.*.rate"},
                                         {"vm_port.*.burst"},
                                     }),
                                     sa_forms);

constexpr std::uint16_t smallest_mtu = 68;
constexpr std::uint16_t usual_mtu = 1500;

/// The upper end is what the meters of a ConnectX-6 Dx can still count.
constexpr Range vm_rates{8000, 2'000'000'000'000, "bits per second"};
/// A tenth of a second at the rate, as Open vSwitch advises for TCP's sake.
constexpr std::uint64_t default_bursts_a_second = 10;
constexpr std::uint64_t least_default_burst = 65536;
constexpr std::uint64_t most_burst = 4'000'000'000;

class TenantParser {
  public:
    TenantParser(const Keys& keys, std::optional<std::uint16_t> underlay_mtu, TenantFile& file)
        : keys_(keys), values_(keys), underlay_mtu_(underlay_mtu), file_(file),
          tenant_(file.settings), lines_(file.lines) {}

    void parse() {
        parse_identity();
        parse_local_vtep();
        parse_policy();
        parse_remote_vteps();
        parse_sas();      // of a protected tenant, to its remote vteps
        parse_mtu();      // depends on the local vtep's family and the SAs
        parse_vm_ports(); // bursts depend on the MTU
        parse_fdb();      // names remote vteps and vm ports
    }

  private:
    const Entry* require(std::string_view key, std::string_view right);
    [[nodiscard]] unsigned line_of(std::string_view key) const;
    void parse_identity();
    void parse_local_vtep();
    void parse_policy();
    void parse_sas();
    void parse_mtu();
    [[nodiscard]] std::uint16_t esp_overhead(net::IpFamily family) const;
    void parse_remote_vteps();
    void parse_remote_vtep(const Entry& entry);
    void parse_vm_ports();
    void parse_vm_port(const NamedGroup& group);
    void parse_vm_macs(const Entry& first, std::span<const Entry> entries, VmPortSettings& port);
    void parse_rate(const std::string& front, VmPortSettings& port);
    void parse_fdb();
    void parse_fdb_entry(const Entry& entry);
    bool parse_fdb_vtep(const Entry& entry, std::string_view text, FdbSettings& fdb);
    bool parse_fdb_port(const Entry& entry, std::string_view text, FdbSettings& fdb);

    /// Where a MAC was first given to a vm port.
    struct MacPlace {
        std::string vm_port;
        unsigned line = 0;
    };

    const Keys& keys_;
    Values values_;
    std::optional<std::uint16_t> underlay_mtu_;
    TenantFile& file_;
    TenantSettings& tenant_;
    TenantLines& lines_;
    std::optional<net::IpAddress> local_;
    std::vector<std::string> vm_port_names_;
    std::unordered_set<std::string> known_vm_ports_;
    std::unordered_map<net::MacAddress, MacPlace> vm_macs_;
    std::unordered_map<net::MacAddress, unsigned> fdb_lines_;
    /// Every well-formed remote vtep, those that were complained of too, with its first line.
    std::unordered_map<net::IpAddress, unsigned> remote_lines_;
};

const Entry* TenantParser::require(std::string_view key, std::string_view right) {
    const Entry* entry = keys_.find(key);
    if (entry == nullptr) keys_.complain(0, key, "missing", std::string(right));
    return entry;
}

unsigned TenantParser::line_of(std::string_view key) const {
    const Entry* const entry = keys_.find(key);
    return entry == nullptr ? 0 : entry->line;
}

void TenantParser::parse_identity() {
    if (const Entry* entry = require("name", "name = NAME, the tenant's unique name")) {
        lines_.name = entry->line;
        if (values_.name(entry->line, entry->key, entry->value)) tenant_.name = entry->value;
    }
    if (const Entry* entry = require("vni", "vni = NUMBER, 1 to 16777215")) {
        lines_.vni = entry->line;
        if (const auto vni = values_.number(*entry, {1, 0xffffff, "24 bits"}))
            tenant_.vni = static_cast<std::uint32_t>(*vni);
    }
}

void TenantParser::parse_local_vtep() {
    const Entry* entry = require("local_vtep", "local_vtep = ADDRESS, our VXLAN address");
    if (entry == nullptr) return;
    lines_.local_vtep = entry->line;
    local_ = values_.unicast_address(*entry, entry->value);
    if (local_) tenant_.local_vtep = *local_;
}

void TenantParser::parse_sas() {
    std::vector<net::IpAddress> remotes;
    for (const auto& [address, line] : remote_lines_)
        remotes.push_back(address);
    // For complaints, the first of the file first.
    std::sort(remotes.begin(), remotes.end(), [this](const auto& left, const auto& right) {
        return remote_lines_.at(left) < remote_lines_.at(right);
    });
    config::parse_sas(keys_, remotes, file_);
}

std::uint16_t TenantParser::esp_overhead(net::IpFamily family) const {
    if (!tenant_.is_protected) return 0;
    // What one would use first, where SAs are still to come.
    if (tenant_.sas.empty())
        return ipsec::esp_overhead(ipsec::Algorithm::aes_128_gcm, ipsec::Mode::transport, family,
                                   false);
    std::uint16_t worst = 0;
    for (const SaSettings& sa : tenant_.sas)
        worst = std::max(worst,
                         ipsec::esp_overhead(sa.algorithm, sa.mode, family, sa.udp_encapsulation));
    return worst;
}

void TenantParser::parse_mtu() {
    const net::IpFamily family = local_ ? local_->family : net::IpFamily::ipv4;
    const std::uint16_t esp = esp_overhead(family);
    const auto left = static_cast<std::uint16_t>(underlay_mtu_.value_or(0xffff) - esp);
    const std::uint16_t largest = net::largest_overlay_mtu(left, family);
    tenant_.mtu = std::min(usual_mtu, largest);
    const Entry* entry = keys_.find("mtu");
    if (entry == nullptr) return;
    lines_.mtu = entry->line;
    std::string unit = "octets";
    if (underlay_mtu_)
        unit = fmt::format("underlay.mtu {} less {} of VXLAN over {}", *underlay_mtu_,
                           net::vxlan_mtu_overhead(family), net::to_string(family));
    if (underlay_mtu_ && esp != 0) unit += fmt::format(" and {} of ESP", esp);
    if (const auto mtu = values_.number(*entry, {smallest_mtu, largest, unit}))
        tenant_.mtu = static_cast<std::uint16_t>(*mtu);
}

void TenantParser::parse_policy() {
    lines_.udp_port = line_of("udp_port");
    lines_.protection = line_of("protection");
    values_.take_number("udp_port", {1, 65535}, tenant_.udp_port);
    values_.take_flag("learning", tenant_.learning);
    values_.take_flag("flooding", tenant_.flooding);
    constexpr auto inner_vlan =
        std::to_array<std::pair<std::string_view, bool>>({{"drop", false}, {"pass", true}});
    values_.take_choice("inner_vlan", inner_vlan, tenant_.pass_inner_vlan);
    constexpr auto protection =
        std::to_array<std::pair<std::string_view, bool>>({{"none", false}, {"ipsec", true}});
    values_.take_choice("protection", protection, tenant_.is_protected);
    values_.take_duration("ageing_time", {0, 1000000, "seconds; 0: never"}, tenant_.ageing_time);
    values_.take_number("max_learned", {1, 8388608}, tenant_.max_learned);
}

void TenantParser::parse_remote_vteps() {
    for (const Entry& entry : keys_.all("remote_vtep"))
        parse_remote_vtep(entry);
}

void TenantParser::parse_remote_vtep(const Entry& entry) {
    const auto address = values_.unicast_address(entry, entry.value);
    if (!address) return;
    const auto [first, is_new] = remote_lines_.emplace(*address, entry.line);
    if (!is_new)
        return keys_.complain(entry, address->to_string() + " is given twice",
                              fmt::format("once; first at line {}", first->second));
    if (local_ && *address == *local_)
        return keys_.complain(entry, address->to_string() + " is this tenant's local_vtep",
                              "the address of another hypervisor");
    if (local_ && address->family != local_->family)
        return keys_.complain(
            entry, fmt::format("{} is {}", address->to_string(), net::to_string(address->family)),
            fmt::format("an {} address, as local_vtep {}", net::to_string(local_->family),
                        local_->to_string()));
    tenant_.remote_vteps.push_back(*address);
    lines_.remote_vteps.push_back(entry.line);
}

void TenantParser::parse_vm_ports() {
    const auto groups = keys_.named("vm_port");
    vm_port_names_.reserve(groups.size());
    for (const NamedGroup& group : groups)
        vm_port_names_.push_back(group.name);
    known_vm_ports_ = {vm_port_names_.begin(), vm_port_names_.end()};
    for (const NamedGroup& group : groups)
        parse_vm_port(group);
}

void TenantParser::parse_vm_port(const NamedGroup& group) {
    const std::string front = "vm_port." + group.name;
    values_.name(group.line, front, group.name);
    VmPortSettings port{group.name, {}, {}};
    TenantLines::VmPort lines{group.line, 0};
    if (const Entry* entry = keys_.find(front + ".device")) {
        lines.device = entry->line;
        if (values_.device(*entry)) port.device = entry->value;
    } else {
        keys_.complain(group.line, front + ".device", "missing",
                       "DPDK device arguments, as `net_tap0,iface=" + group.name + "`");
    }
    const auto macs = keys_.all(front + ".mac");
    if (macs.empty())
        keys_.complain(group.line, front + ".mac", "missing",
                       "the MAC address that the VM may send from, or `any`");
    else
        parse_vm_macs(macs.front(), macs, port);
    parse_rate(front, port);
    tenant_.vm_ports.push_back(std::move(port));
    lines_.vm_ports.push_back(lines);
}

void TenantParser::parse_vm_macs(const Entry& first, std::span<const Entry> entries,
                                 VmPortSettings& port) {
    const auto any = std::find_if(entries.begin(), entries.end(),
                                  [](const Entry& entry) { return entry.value == "any"; });
    for (const Entry& entry : entries) {
        if (entry.value == "any") continue;
        const auto mac = values_.unicast_mac(entry, entry.value);
        if (!mac) continue;
        const auto [place, is_new] = vm_macs_.emplace(*mac, MacPlace{port.name, entry.line});
        if (is_new)
            port.macs.push_back(*mac);
        else
            keys_.complain(entry, mac->to_string() + " is given twice in this tenant",
                           fmt::format("another MAC; first at line {}, vm port {}",
                                       place->second.line, place->second.vm_port));
    }
    if (any != entries.end() && entries.size() > 1)
        keys_.complain(
            *any, "`any` beside other MAC addresses",
            fmt::format("`any` alone, or MAC addresses only; first at line {}", first.line));
    std::sort(port.macs.begin(), port.macs.end());
}

void TenantParser::parse_rate(const std::string& front, VmPortSettings& port) {
    const Entry* const rate_entry = keys_.find(front + ".rate");
    const Entry* const burst_entry = keys_.find(front + ".burst");
    if (rate_entry == nullptr) {
        if (burst_entry != nullptr)
            keys_.complain(*burst_entry, "a burst without a rate",
                           front + ".rate = BITS PER SECOND beside it");
        return;
    }
    const auto rate = values_.scaled_number(*rate_entry, vm_rates);
    if (!rate) return;
    const std::uint64_t octets_per_second = *rate / 8;
    const std::uint64_t largest_frame =
        tenant_.mtu + net::ethernet_header_length + net::vlan_tag_length;
    std::uint64_t burst =
        std::max({octets_per_second / default_bursts_a_second, least_default_burst, largest_frame});
    if (burst_entry != nullptr) {
        const auto given = values_.scaled_number(
            *burst_entry, {largest_frame, most_burst, "octets, at least the largest frame"});
        if (!given) return;
        burst = *given;
    }
    port.rate_limit = {.octets_per_second = octets_per_second, .burst_octets = burst};
}

void TenantParser::parse_fdb() {
    for (const Entry& entry : keys_.all("fdb"))
        parse_fdb_entry(entry);
}

void TenantParser::parse_fdb_entry(const Entry& entry) {
    const auto words = words_of(entry.value);
    if (words.size() != 3 || (words[1] != "vtep" && words[1] != "port"))
        return keys_.complain(entry, in_quotes(entry.value) + " is no fdb entry",
                              "MAC vtep ADDRESS, or MAC port NAME");
    const auto mac = values_.unicast_mac(entry, words[0]);
    FdbSettings fdb;
    const bool good = words[1] == "vtep" ? parse_fdb_vtep(entry, words[2], fdb)
                                         : parse_fdb_port(entry, words[2], fdb);
    if (!mac) return;
    fdb.mac = *mac;
    const auto [first, is_new] = fdb_lines_.emplace(*mac, entry.line);
    if (!is_new)
        return keys_.complain(
            entry, mac->to_string() + " is given twice",
            fmt::format("one fdb entry for a MAC; first at line {}", first->second));
    const auto vm = vm_macs_.find(*mac);
    if (good && vm != vm_macs_.end() && vm->second.vm_port != fdb.vm_port)
        return keys_.complain(entry,
                              fmt::format("{} is the MAC of vm port {} at line {}",
                                          mac->to_string(), vm->second.vm_port, vm->second.line),
                              "no fdb entry, or one for that vm port");
    if (good) tenant_.fdb.push_back(std::move(fdb));
}

bool TenantParser::parse_fdb_vtep(const Entry& entry, std::string_view text, FdbSettings& fdb) {
    fdb.vtep = values_.unicast_address(entry, text);
    if (!fdb.vtep) return false;
    if (remote_lines_.contains(*fdb.vtep)) return true;
    keys_.complain(
        entry, fdb.vtep->to_string() + " is no remote_vtep of this tenant",
        tenant_.remote_vteps.empty()
            ? fmt::format("remote_vtep = {} beside it", fdb.vtep->to_string())
            : fmt::format("a remote_vtep, as {}", tenant_.remote_vteps.front().to_string()));
    return false;
}

bool TenantParser::parse_fdb_port(const Entry& entry, std::string_view text, FdbSettings& fdb) {
    fdb.vm_port = text;
    if (known_vm_ports_.contains(fdb.vm_port)) return true;
    std::string right = nearest(text, vm_port_names_);
    if (!right.empty())
        right = fmt::format("did you mean {}?", right);
    else if (vm_port_names_.empty())
        right = fmt::format("a section [vm_port.{}]", text);
    else
        right = "a vm port of this tenant, as " + vm_port_names_.front();
    keys_.complain(entry, fmt::format("no vm port of this tenant is named {}", in_quotes(text)),
                   std::move(right));
    return false;
}

} // namespace

TenantFile parse_tenant_file(const SourceText& text, std::optional<std::uint16_t> underlay_mtu,
                             Complaints& complaints) {
    TenantFile tenant;
    tenant.settings.file = text.file;
    const Keys keys(parse_source(text, complaints), tenant_forms, complaints);
    TenantParser(keys, underlay_mtu, tenant).parse();
    return tenant;
}

} // namespace sallyport::config
