// SPDX-License-Identifier: BSD-3-Clause
#include "config/main_file.h"

#include "config/failover_section.h"
#include "config/values.h"
#include "net/card_function.h"
#include "net/pci_address.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include <spdlog/fmt/fmt.h>
#include <sys/un.h>
#include <unistd.h>

namespace sallyport::config {

namespace {

constexpr auto main_forms = joined(std::to_array<KeyForm>({
                                       {"node.name"},
                                       {"log.level"},
                                       {"log.format"},
                                       {"log.file"},
                                       {"eswitch"},
                                       {"eswitch.pci"},
                                       {"eswitch.flow_queue_size"},
                                       {"underlay.mtu"},
                                       {"underlay.host_port"},
                                       {"underlay.address", true},
                                       {"underlay.mac"},
                                       {"underlay.ttl"},
                                       {"underlay.dscp"},
                                       {"underlay.df"},
                                       {"underlay.udp_checksum"},
                                       {"underlay.udp6_zero_checksum"},
                                       {"underlay.source_ports"},
                                       {"underlay.nexthop", true},
                                       {"uplink.*.device"},
                                       {"uplink.*.interface"},
                                       {"uplink.*.bfd_peer"},
                                       {"uplink.*.bfd_local"},
                                       {"workers.idle"},
                                       {"workers.max_sleep_us"},
                                       {"ipsec.offload"},
                                       {"ipsec.state_file"},
                                       {"ipsec.new_state_file"},
                                       {"ipsec.trace"},
                                       {"ipsec.rekey_grace"},
                                       {"shell.socket"},
                                       {"limits.tenants"},
                                       {"limits.fdb_entries"},
                                       {"limits.tunnels"},
                                       {"limits.buffers"},
                                       {"tenants.directory"},
                                   }),
                                   failover_forms);

/// Of two uplinks that a file may have. Some more are kept, so that what names a third one is not
/// complained of too; but no complaint shall list thousands.
constexpr std::size_t most_uplink_names = 8;

/// The host's name in the characters that names may have.
std::string host_name() {
    std::string name(64, '\0');
    if (gethostname(name.data(), name.size() - 1) != 0) return "sallyport";
    name.resize(name.find('\0'));
    const auto is_plain = [](char character) {
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z')
               || (character >= '0' && character <= '9');
    };
    for (char& character : name)
        if (!is_plain(character) && character != '.' && character != '_') character = '-';
    while (!name.empty() && !is_plain(name.back()))
        name.pop_back();
    name.erase(name.begin(), std::find_if(name.begin(), name.end(), is_plain));
    return name.empty() ? "sallyport" : name;
}

class MainParser {
  public:
    MainParser(const Keys& keys, MainFile& main)
        : keys_(keys), values_(keys), main_(main), settings_(main.settings) {}

    void parse() {
        parse_node();
        parse_log();
        parse_eswitch();
        parse_underlay();
        parse_host_port();
        parse_uplinks();
        parse_next_hops();                                        // names uplinks
        parse_failover(keys_, uplink_names_, settings_.failover); // names uplinks
        parse_workers();
        parse_ipsec();
        parse_shell();
        parse_limits();
        parse_tenants();
    }

  private:
    void parse_node();
    void parse_log();
    void parse_eswitch();
    void check_card_uplink(const Entry& entry) const;
    void parse_underlay();
    void parse_outer_header();
    void parse_source_ports();
    void parse_host_port();
    void parse_addresses();
    void parse_uplinks();
    void parse_uplink(const NamedGroup& group);
    void parse_bfd(const NamedGroup& group, UplinkSettings& uplink, MainLines::Uplink& lines);
    void parse_next_hops();
    void parse_next_hop(const Entry& entry);
    void parse_workers();
    void parse_ipsec();
    void parse_trace();
    void parse_shell();
    void parse_limits();
    void parse_tenants();

    [[nodiscard]] std::string uplink_names() const;
    [[nodiscard]] bool knows_uplink(std::string_view name) const;

    struct NextHopPlace {
        /// Empty: both.
        std::string uplink;
        unsigned line = 0;
    };

    const Keys& keys_;
    Values values_;
    MainFile& main_;
    Settings& settings_;
    /// What the file names, right or wrong, up to most_uplink_names.
    std::vector<std::string> uplink_names_;
    std::unordered_map<net::IpAddress, std::vector<NextHopPlace>> next_hop_places_;
};

void MainParser::parse_node() {
    settings_.node = host_name();
    const Entry* entry = keys_.find("node.name");
    if (entry != nullptr && values_.name(entry->line, entry->key, entry->value))
        settings_.node = entry->value;
}

void MainParser::parse_log() {
    constexpr auto levels =
        std::to_array<std::string_view>({"trace", "debug", "info", "warning", "error"});
    if (const Entry* entry = keys_.find("log.level"))
        if (const auto index = values_.choice(*entry, levels)) settings_.log.level = levels[*index];
    constexpr auto formats = std::to_array<std::pair<std::string_view, LogFormat>>(
        {{"text", LogFormat::text}, {"json", LogFormat::json}});
    values_.take_choice("log.format", formats, settings_.log.format);
    values_.take_path("log.file", settings_.log.file, "stderr");
}

void MainParser::parse_eswitch() {
    EswitchSettings& eswitch = settings_.eswitch;
    constexpr auto kinds = std::to_array<std::pair<std::string_view, Eswitch>>(
        {{"none", Eswitch::none}, {"mlx5", Eswitch::mlx5}});
    values_.take_choice("eswitch", kinds, eswitch.kind);
    values_.take_number("eswitch.flow_queue_size", {64, 65536, "operations in flight"},
                        eswitch.flow_queue_size);
    const Entry* const pci = keys_.find("eswitch.pci");
    if (pci == nullptr) {
        if (eswitch.kind == Eswitch::mlx5)
            keys_.complain(0, "eswitch.pci", "missing",
                           "the PCI address of the card's first port, as `0000:08:00.0`");
        return;
    }
    if (net::parse_pci_address(pci->value))
        eswitch.pci = pci->value;
    else
        keys_.complain(*pci, in_quotes(pci->value) + " is no PCI address",
                       "that of the card's first port, as `0000:08:00.0`");
}

void MainParser::check_card_uplink(const Entry& entry) const {
    // The first port of the card is the first to start and the last to stop.
    const unsigned pf = settings_.uplinks.empty() ? 0 : 1;
    const auto function = net::parse_card_function(entry.value);
    if (!function || *function != net::CardFunction{pf})
        keys_.complain(entry, in_quotes(entry.value) + " with eswitch = mlx5",
                       fmt::format("`pf{}`: the uplinks are the card's ports, in their order", pf));
}

void MainParser::parse_underlay() {
    UnderlaySettings& underlay = settings_.underlay;
    if (const Entry* entry = keys_.find("underlay.mtu")) {
        const auto mtu = values_.number(*entry, {1280, 9702, "octets of one outer IP packet"});
        main_.mtu_known = mtu.has_value();
        if (mtu) underlay.mtu = static_cast<std::uint16_t>(*mtu);
    }
    const Entry* mac = keys_.find("underlay.mac");
    if (mac != nullptr && mac->value != "auto")
        underlay.mac = values_.unicast_mac(*mac, mac->value);
    parse_outer_header();
    parse_source_ports();
}

void MainParser::parse_outer_header() {
    UnderlaySettings& underlay = settings_.underlay;
    values_.take_number("underlay.ttl", {1, 255}, underlay.ttl);
    const Entry* dscp = keys_.find("underlay.dscp");
    if (dscp != nullptr && dscp->value != "inherit")
        if (const auto value = values_.number(*dscp, {0, 63, "or `inherit`"}))
            underlay.dscp = static_cast<std::uint8_t>(*value);
    values_.take_flag("underlay.df", underlay.dont_fragment);
    constexpr auto checksums = std::to_array<std::pair<std::string_view, UdpChecksum>>(
        {{"auto", UdpChecksum::automatic},
         {"zero", UdpChecksum::zero},
         {"computed", UdpChecksum::computed}});
    values_.take_choice("underlay.udp_checksum", checksums, underlay.udp_checksum);
    constexpr auto zero_checksum =
        std::to_array<std::pair<std::string_view, bool>>({{"accept", true}, {"drop", false}});
    values_.take_choice("underlay.udp6_zero_checksum", zero_checksum,
                        underlay.accept_udp6_zero_checksum);
}

void MainParser::parse_source_ports() {
    const Entry* entry = keys_.find("underlay.source_ports");
    if (entry == nullptr) return;
    const char* const begin = entry->value.data();
    const char* const end = begin + entry->value.size();
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    const auto left = std::from_chars(begin, end, first);
    const bool dash = left.ec == std::errc{} && left.ptr != end && *left.ptr == '-';
    const auto right = dash ? std::from_chars(left.ptr + 1, end, last) : left;
    if (!dash || right.ec != std::errc{} || right.ptr != end || first == 0 || first > last)
        return keys_.complain(*entry, in_quotes(entry->value) + " is no range of UDP ports",
                              "FIRST-LAST, 1 to 65535, as `49152-65535`");
    settings_.underlay.source_port_first = first;
    settings_.underlay.source_port_last = last;
}

void MainParser::parse_host_port() {
    UnderlaySettings& underlay = settings_.underlay;
    if (const Entry* entry = keys_.find("underlay.host_port")) {
        main_.lines.host_port = entry->line;
        if (entry->value == "none")
            underlay.host_port.clear();
        else if (values_.interface(*entry))
            underlay.host_port = entry->value;
    }
    parse_addresses();
}

void MainParser::parse_addresses() {
    UnderlaySettings& underlay = settings_.underlay;
    std::unordered_map<net::IpAddress, unsigned> lines;
    for (const Entry& entry : keys_.all("underlay.address")) {
        const auto prefix = values_.prefix(entry);
        if (!prefix) continue;
        if (underlay.host_port.empty()) {
            keys_.complain(entry, "there is no host port to give the address to",
                           "underlay.host_port = NAME, or no underlay.address");
            continue;
        }
        const auto [first, is_new] = lines.emplace(prefix->address, entry.line);
        if (!is_new) {
            keys_.complain(entry, prefix->address.to_string() + " is given twice",
                           fmt::format("once; first at line {}", first->second));
            continue;
        }
        underlay.addresses.push_back(*prefix);
        main_.lines.addresses.push_back(entry.line);
    }
}

void MainParser::parse_uplinks() {
    const auto groups = keys_.named("uplink");
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i < most_uplink_names) uplink_names_.push_back(groups[i].name);
        if (i < 2)
            parse_uplink(groups[i]);
        else
            keys_.complain(groups[i].line, "uplink." + groups[i].name,
                           fmt::format("uplink number {}", i + 1), "exactly two uplinks");
    }
    if (groups.size() < 2)
        keys_.complain(0, "uplink",
                       groups.empty() ? "no uplink" : "only one uplink, " + groups[0].name,
                       "exactly two sections [uplink.NAME], each with its device");
}

void MainParser::parse_uplink(const NamedGroup& group) {
    const std::string front = "uplink." + group.name;
    values_.name(group.line, front, group.name);
    UplinkSettings uplink{.name = group.name, .device = {}, .interface = {}};
    MainLines::Uplink lines{.name = group.line};
    if (const Entry* entry = keys_.find(front + ".device")) {
        if (values_.device(*entry)) uplink.device = entry->value;
        if (settings_.eswitch.kind == Eswitch::mlx5) check_card_uplink(*entry);
        lines.device = entry->line;
    } else {
        keys_.complain(group.line, front + ".device", "missing",
                       "DPDK device arguments, as `0000:03:00.0` or `net_af_packet0,iface=eth1`");
    }
    const Entry* interface = keys_.find(front + ".interface");
    if (interface != nullptr && interface->value != "auto") {
        if (values_.interface(*interface)) uplink.interface = interface->value;
        lines.interface = interface->line;
    }
    parse_bfd(group, uplink, lines);
    settings_.uplinks.push_back(std::move(uplink));
    main_.lines.uplinks.push_back(lines);
}

void MainParser::parse_bfd(const NamedGroup& group, UplinkSettings& uplink,
                           MainLines::Uplink& lines) {
    const std::string front = "uplink." + group.name;
    const Entry* const peer = keys_.find(front + ".bfd_peer");
    const Entry* const local = keys_.find(front + ".bfd_local");
    if (peer == nullptr && local == nullptr) return;
    if (peer == nullptr || local == nullptr)
        return keys_.complain(peer == nullptr ? *local : *peer, "without the other end",
                              "bfd_peer and bfd_local, or neither");
    lines.bfd_local = local->line;
    const auto peer_address = values_.unicast_address(*peer, peer->value);
    const auto local_address = values_.unicast_address(*local, local->value);
    if (!peer_address || !local_address) return;
    if (peer_address->family != local_address->family)
        return keys_.complain(*local, local_address->to_string() + " is of another family",
                              fmt::format("an {} address, as bfd_peer {}",
                                          net::to_string(peer_address->family),
                                          peer_address->to_string()));
    if (*peer_address == *local_address)
        return keys_.complain(*local, local_address->to_string() + " is bfd_peer",
                              "an address of this end, on the same network");
    uplink.bfd = failover::BfdEnds{*local_address, *peer_address};
}

bool MainParser::knows_uplink(std::string_view name) const {
    return std::find(uplink_names_.begin(), uplink_names_.end(), name) != uplink_names_.end();
}

std::string MainParser::uplink_names() const {
    return uplink_names_.empty() ? "the name of an uplink" : alternatives(uplink_names_);
}

void MainParser::parse_next_hops() {
    for (const Entry& entry : keys_.all("underlay.nexthop"))
        parse_next_hop(entry);
}

void MainParser::parse_next_hop(const Entry& entry) {
    const auto words = words_of(entry.value);
    if (words.size() != 2 && words.size() != 3)
        return keys_.complain(entry, in_quotes(entry.value) + " is no next hop",
                              "ADDRESS MAC [UPLINK], as `192.0.2.254 02:00:00:00:00:fe`");
    const auto address = values_.unicast_address(entry, words[0]);
    const auto mac = values_.unicast_mac(entry, words[1]);
    const std::string_view uplink = words.size() == 3 ? words[2] : std::string_view();
    if (!uplink.empty() && !knows_uplink(uplink))
        return keys_.complain(entry, fmt::format("no uplink is named {}", in_quotes(uplink)),
                              uplink_names());
    if (!address || !mac) return;

    auto& places = next_hop_places_[*address];
    for (const NextHopPlace& other : places)
        if (other.uplink.empty() || uplink.empty() || other.uplink == uplink)
            return keys_.complain(
                entry, fmt::format("{} is given twice", address->to_string()),
                fmt::format("one MAC for each uplink; first at line {}", other.line));
    places.push_back({std::string(uplink), entry.line});
    settings_.underlay.next_hops.push_back({*address, *mac, std::string(uplink)});
}

void MainParser::parse_workers() {
    constexpr auto idle = std::to_array<std::pair<std::string_view, WorkerIdle>>(
        {{"sleep", WorkerIdle::sleep}, {"spin", WorkerIdle::spin}});
    values_.take_choice("workers.idle", idle, settings_.workers.idle);
    values_.take_duration("workers.max_sleep_us", {1, 10000, "microseconds"},
                          settings_.workers.max_sleep);
}

void MainParser::parse_ipsec() {
    IpsecSettings& ipsec = settings_.ipsec;
    if (const Entry* entry = keys_.find("ipsec.offload")) {
        std::vector<std::string_view> words{"auto"};
        for (const ipsec::Engine engine : ipsec::engines)
            words.push_back(ipsec::to_string(engine));
        const auto index = values_.choice(*entry, words);
        if (index && *index > 0) ipsec.offload = ipsec::engines[*index - 1];
    }
    if (const Entry* entry = keys_.find("ipsec.state_file"))
        if (auto path = values_.path(*entry)) ipsec.state_file = std::move(*path);
    values_.take_flag("ipsec.new_state_file", ipsec.new_state_file);
    parse_trace();
    values_.take_duration("ipsec.rekey_grace", {0, 3600, "seconds"}, ipsec.rekey_grace);
}

void MainParser::parse_trace() {
    const Entry* const entry = keys_.find("ipsec.trace");
    if (entry == nullptr || entry->value == "none") return;
    constexpr std::string_view word = "keys-to-file";
    const auto words = words_of(entry->value);
    if (words.size() < 2 || words[0] != word)
        return keys_.complain(*entry, in_quotes(entry->value) + " is no trace",
                              "none, or keys-to-file PATH");
    // The rest as it stands: a path may have blanks in it.
    const std::string_view value = entry->value;
    Entry path = *entry;
    path.value = value.substr(static_cast<std::size_t>(words[1].data() - value.data()));
    if (auto file = values_.path(path)) settings_.ipsec.keys_to_file = std::move(*file);
}

void MainParser::parse_shell() {
    values_.take_path("shell.socket", settings_.shell_socket, "none");
    constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
    const std::size_t size = settings_.shell_socket.native().size();
    const Entry* entry = keys_.find("shell.socket");
    if (entry != nullptr && size > longest)
        keys_.complain(
            *entry, fmt::format("path of {} octets", size),
            fmt::format("at most {} octets, the most that a Unix socket takes", longest));
}

void MainParser::parse_limits() {
    LimitSettings& limits = settings_.limits;
    values_.take_number("limits.tenants", {1, 16384}, limits.tenants);
    values_.take_number("limits.fdb_entries", {64, 8388608}, limits.fdb_entries);
    values_.take_number("limits.tunnels", {64, 8388608}, limits.tunnels);
    values_.take_number("limits.buffers", {1024, 4194304}, limits.buffers);
}

void MainParser::parse_tenants() {
    values_.take_path("tenants.directory", settings_.tenants_directory, "none");
    if (const Entry* entry = keys_.find("tenants.directory"))
        main_.lines.tenants_directory = entry->line;
}

} // namespace

MainFile parse_main_file(const std::filesystem::path& file, std::string_view text,
                         Complaints& complaints) {
    MainFile main;
    main.settings.file = file;
    const Keys keys(parse_source({file, text}, complaints), main_forms, complaints);
    MainParser(keys, main).parse();
    return main;
}

} // namespace sallyport::config
