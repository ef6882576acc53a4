// SPDX-License-Identifier: BSD-3-Clause
#include "topology.h"

#include "report.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>

namespace mlx5sim {

namespace {

/// Far above what a namespace of a test has.
constexpr unsigned first_ifindex = 900;

/// One line of the file, and where it stands.
struct Setting {
    std::string file;
    unsigned line = 0;
    std::string key, value;

    [[noreturn]] void wrong(const char* expected) const {
        refuse("%s:%u: '%s = %s': expected %s", file.c_str(), line, key.c_str(), value.c_str(),
               expected);
    }
    bool truth() const {
        if (value == "on") return true;
        if (value == "off") return false;
        wrong("on or off");
    }
    unsigned number() const {
        unsigned result = 0;
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), result);
        if (error != std::errc{} || end != value.data() + value.size()) wrong("a number");
        return result;
    }
};

/// What the file says before ports are made of it.
struct Draft {
    Topology topology;
    /// Of the file, for others that it names.
    std::filesystem::path folder;
    unsigned uplinks = 2;
    std::map<std::string, std::string> interfaces, attachments;
};

// "firmware 22.39.2048", "group 0x1b", "0x020: " and eight words
void read_capabilities(Draft& draft, const Setting& setting) {
    const std::string path = (draft.folder / setting.value).string();
    std::ifstream file(path);
    if (!file) setting.wrong("a file that can be read");
    Capabilities& caps = draft.topology.capabilities;
    std::array<std::uint8_t, 4096>* group = nullptr;
    unsigned number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        line = line.substr(0, line.find('#'));
        std::istringstream words(line);
        std::string first;
        if (!(words >> first)) continue;
        std::size_t at = 0;
        if (first == "firmware" && words >> caps.firmware) continue;
        if (first == "group" && words >> std::hex >> at) {
            group = &caps.captured[static_cast<unsigned>(at)];
            continue;
        }
        at = std::strtoul(first.c_str(), nullptr, 16);
        std::uint32_t word = 0;
        std::size_t read = 0;
        for (; group != nullptr && at + 4 <= group->size() && words >> std::hex >> word; at += 4)
            for (unsigned octet = 0; octet < 4; ++octet, ++read)
                (*group)[at + octet] = static_cast<std::uint8_t>(word >> (24 - 8 * octet));
        if (read == 0)
            refuse("%s:%u: '%s': expected what mlx5sim_capture prints", path.c_str(), number,
                   line.c_str());
    }
}

using Setter = std::function<void(Draft&, const Setting&)>;

const std::map<std::string, Setter>& setters() {
    static const std::map<std::string, Setter> table{
        {"pci", [](Draft& d, const Setting& s) { d.topology.pci = s.value; }},
        {"fault", [](Draft& d, const Setting& s) { d.topology.faults.push_back(s.value); }},
        {"uplinks", [](Draft& d, const Setting& s) { d.uplinks = s.number(); }},
        {"pf0.vfs", [](Draft& d, const Setting& s) { d.topology.vfs[0] = s.number(); }},
        {"pf1.vfs", [](Draft& d, const Setting& s) { d.topology.vfs[1] = s.number(); }},
        {"vendor", [](Draft& d, const Setting& s) { d.topology.host.vendor = s.value; }},
        {"kernel_driver",
         [](Draft& d, const Setting& s) {
             d.topology.host.kernel_driver = s.value == "none" ? "" : s.value;
         }},
        {"rdma_device",
         [](Draft& d, const Setting& s) { d.topology.host.rdma_device = s.truth(); }},
        {"most_vfs", [](Draft& d, const Setting& s) { d.topology.host.most_vfs = s.number(); }},
        {"sriov",
         [](Draft& d, const Setting& s) {
             if (!s.truth()) d.topology.host.most_vfs.reset();
         }},
        {"kernel", [](Draft& d, const Setting& s) { d.topology.host.kernel = s.value; }},
        {"kernel_option",
         [](Draft& d, const Setting& s) { d.topology.host.kernel_options.push_back(s.value); }},
        {"representors",
         [](Draft& d, const Setting& s) { d.topology.host.representors = s.truth(); }},
        // For programs/devlink.
        {"devlink", [](Draft&, const Setting& s) { s.truth(); }},
        {"capabilities", read_capabilities},
        {"firmware",
         [](Draft& d, const Setting& s) { d.topology.capabilities.firmware = s.value; }},
        {"multiport",
         [](Draft& d, const Setting& s) { d.topology.capabilities.multiport = s.truth(); }},
        {"switchdev",
         [](Draft& d, const Setting& s) { d.topology.capabilities.switchdev = s.truth(); }},
        {"roce", [](Draft& d, const Setting& s) { d.topology.capabilities.roce = s.truth(); }},
        {"log_counters",
         [](Draft& d, const Setting& s) { d.topology.capabilities.log_counters = s.number(); }},
        {"log_counter_bulk",
         [](Draft& d, const Setting& s) { d.topology.capabilities.log_counter_bulk = s.number(); }},
        {"log_ste",
         [](Draft& d, const Setting& s) { d.topology.capabilities.log_ste = s.number(); }},
        {"log_stc",
         [](Draft& d, const Setting& s) { d.topology.capabilities.log_stc = s.number(); }},
        {"log_arguments",
         [](Draft& d, const Setting& s) { d.topology.capabilities.log_arguments = s.number(); }},
        {"log_meters",
         [](Draft& d, const Setting& s) { d.topology.capabilities.log_meters = s.number(); }},
    };
    return table;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// "p0.attach = veth3", "pf0vf1.interface = enp3s0f0v1"
bool set_of_port(Draft& draft, const Setting& setting) {
    const auto dot = setting.key.find('.');
    if (dot == std::string::npos) return false;
    const std::string port = setting.key.substr(0, dot), what = setting.key.substr(dot + 1);
    if (what == "interface")
        draft.interfaces[port] = setting.value;
    else if (what == "attach")
        draft.attachments[port] = setting.value;
    else
        return false;
    return true;
}

Draft read(const std::string& path) {
    std::ifstream file(path);
    if (!file) refuse("cannot read the topology %s", path.c_str());
    Draft draft;
    draft.folder = std::filesystem::path(path).parent_path();
    unsigned number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        line = trimmed(line.substr(0, line.find('#')));
        if (line.empty()) continue;
        const auto equals = line.find('=');
        Setting setting{path, number, trimmed(line.substr(0, equals)),
                        equals == std::string::npos ? "" : trimmed(line.substr(equals + 1))};
        const auto setter = setters().find(setting.key);
        if (setter != setters().end())
            setter->second(draft, setting);
        else if (!set_of_port(draft, setting))
            setting.wrong("a key that docs/mlx5sim.md has");
    }
    return draft;
}

// "p0=veth3,pf0vf1=tap0", which goes before what the file says: tests make names as they run.
void read_attachments(Draft& draft) {
    const char* const text = std::getenv("MLX5SIM_ATTACH");
    std::istringstream parts(text == nullptr ? "" : text);
    for (std::string part; std::getline(parts, part, ',');) {
        const auto equals = part.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == part.size())
            refuse("MLX5SIM_ATTACH: '%s': expected PORT=INTERFACE", part.c_str());
        draft.attachments[part.substr(0, equals)] = part.substr(equals + 1);
    }
}

// A port that is not there would be asked for its packets in vain.
void refuse_unknown_ports(const Draft& draft) {
    for (const auto& attachment : draft.attachments)
        if (std::none_of(draft.topology.ports.begin(), draft.topology.ports.end(),
                         [&](const Port& port) { return port.phys_port_name == attachment.first; }))
            refuse("there is no port %s to attach to %s", attachment.first.c_str(),
                   attachment.second.c_str());
}

Port make_port(const Draft& draft, unsigned pf, std::optional<unsigned> vf, std::uint32_t number) {
    Port port;
    port.number = number;
    port.pf = pf;
    port.vf = vf;
    port.vport = vf ? *vf + 1 : uplink_vport;
    port.vhca_id = pf + 1;
    port.tag = number << 16;
    port.ifindex = first_ifindex + number;
    port.phys_port_name =
        vf ? "pf" + std::to_string(pf) + "vf" + std::to_string(*vf) : "p" + std::to_string(pf);
    const auto given = draft.interfaces.find(port.phys_port_name);
    port.interface = given != draft.interfaces.end()
                         ? given->second
                         : draft.topology.interface_prefix + port.phys_port_name;
    const auto attached = draft.attachments.find(port.phys_port_name);
    if (attached != draft.attachments.end()) port.attached_to = attached->second;
    port.mac = {0x02,
                0x5e,
                static_cast<std::uint8_t>(pf),
                static_cast<std::uint8_t>(vf ? 1 : 0),
                0x00,
                static_cast<std::uint8_t>(vf.value_or(0))};
    return port;
}

// Without the multiport E-Switch, each PF has an RDMA device of its own, and we are the first.
void add_ports(Draft& draft) {
    const bool merged = draft.topology.capabilities.multiport;
    const unsigned pfs = merged ? draft.uplinks : 1;
    std::vector<Port>& ports = draft.topology.ports;
    for (unsigned pf = 0; pf < pfs; ++pf)
        ports.push_back(make_port(draft, pf, std::nullopt, ports.size() + 1));
    if (!draft.topology.capabilities.switchdev || !draft.topology.host.representors) return;
    for (unsigned pf = 0; pf < pfs; ++pf)
        for (unsigned vf = 0; vf < draft.topology.vfs[pf]; ++vf)
            ports.push_back(make_port(draft, pf, vf, ports.size() + 1));
}

template<typename Predicate>
const Port* find(const std::vector<Port>& ports, Predicate predicate) {
    const auto found = std::find_if(ports.begin(), ports.end(), predicate);
    return found == ports.end() ? nullptr : &*found;
}

} // namespace

const Port* Topology::find_ifindex(unsigned ifindex) const {
    return find(ports, [&](const Port& port) { return port.ifindex == ifindex; });
}

const Port* Topology::find_interface(const std::string& name) const {
    return find(ports, [&](const Port& port) { return port.interface == name; });
}

const Port* Topology::find_number(std::uint32_t number) const {
    return find(ports, [&](const Port& port) { return port.number == number; });
}

const Port* Topology::find_vport(std::uint16_t vhca_id, std::uint16_t vport) const {
    return find(ports,
                [&](const Port& port) { return port.vhca_id == vhca_id && port.vport == vport; });
}

std::string Topology::pci_of(unsigned pf) const {
    std::string address = pci;
    address.back() = static_cast<char>(address.back() + pf);
    return address;
}

const Topology* topology() {
    static const std::unique_ptr<const Topology> read_once = [] {
        const char* const path = std::getenv("MLX5SIM_TOPOLOGY");
        if (path == nullptr) return std::unique_ptr<const Topology>();
        Draft draft = read(path);
        read_attachments(draft);
        add_ports(draft);
        refuse_unknown_ports(draft);
        return std::make_unique<const Topology>(std::move(draft.topology));
    }();
    return read_once.get();
}

} // namespace mlx5sim
